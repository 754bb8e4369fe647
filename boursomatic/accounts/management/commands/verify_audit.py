"""`manage.py verify_audit`: follows the audit's chain of hashes from its first entry to its last."""

from typing import Any

from boursomatic.accounts.chain import chain_verify
from boursomatic.shared import commands


class Command(commands.JsonCommand):
    help = (
        "Reads every entry of the audit and compares its hash with its content and the entry before; names the first "
        "that was changed or removed. Exit code 1 when there is one. Write the last hash down elsewhere: it tells "
        "later whether all of it was rewritten."
    )

    def work(self, **options: Any) -> commands.CommandResult:
        chain = chain_verify()
        intact = chain.first_broken is None
        return commands.CommandResult(
            {"entries": chain.entries, "intact": intact, "first_broken": chain.first_broken},
            lines=[f"{chain.entries} entries, intact. The last hash: {chain.last_hash}."] if intact else [],
            refused=""
            if intact
            else f"Entry {chain.first_broken} of {chain.entries} was changed or removed, or is not of this chain. "
            "Compare with a backup's audit from there on.",
        )
