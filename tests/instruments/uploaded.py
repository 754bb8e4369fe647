"""Files as a browser or program uploads them."""

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.instruments.files import csv, daily

FRENCH = (
    "Date;Ouverture;Plus haut;Plus bas;Clôture;Volume\n"
    "03/04/2012;103,42;104,5;102,1;103,25;1 234\n"
    "04/04/2012;103,25;103,9;101,75;102;2 345\n"
    "13/04/2012;102,5;103;101;102,75;999\n"
)


def file(text: str | bytes, name: str = "SPY.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text)


def five(name: str = "SPY.csv", *, price: float = 10.0) -> SimpleUploadedFile:
    """Five daily bars of SPY."""
    return file(csv(*daily(5, price=price)), name)
