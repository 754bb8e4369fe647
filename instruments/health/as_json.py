"""Findings as the API and `check_data` answer them."""

from collections.abc import Sequence
from typing import Any

from instruments.health.repairs import Proposal
from instruments.models import Finding


def findings_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Needs `series__instrument` and `user` loaded."""
    return [
        {
            "id": finding.pk,
            "symbol": finding.series.instrument.symbol if finding.series else None,
            "timeframe": finding.series.timeframe if finding.series else None,
            "calendar": finding.calendar or None,
            "check": finding.check_name,
            "severity": finding.severity,
            "first": f"{finding.first:%Y-%m-%dT%H:%M:%SZ}",
            "last": f"{finding.last:%Y-%m-%dT%H:%M:%SZ}",
            "count": finding.count,
            "text": finding.text,
            "proposal": finding.proposal,
            "figures": finding.figures,
            "state": finding.state,
            "reason": finding.reason or None,
            "acknowledged_by": finding.user.get_username() if finding.user else None,
            "found_at": f"{finding.found_at:%Y-%m-%dT%H:%M:%SZ}",
        }
        for finding in findings
    ]


def proposal_json(finding: Finding, proposal: Proposal) -> dict[str, Any]:
    """What a repair would change."""
    return {
        "finding": finding.pk,
        "text": proposal.text,
        "changed": len(proposal.changed),
        "removed": len(proposal.removed),
        "first": f"{proposal.first:%Y-%m-%dT%H:%M:%SZ}",
        "last": f"{proposal.last:%Y-%m-%dT%H:%M:%SZ}",
        "mark": proposal.mark,
    }
