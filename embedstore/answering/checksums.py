"""Check digits: what tells an identity number from any other number of its length."""

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def luhn(number: str) -> bool:
    """Check a payment card's digits (ISO/IEC 7812-1)."""
    digits = _digits(number)
    if digits[0] not in (2, 3, 4, 5, 6):
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def iban(number: str) -> bool:
    """Check an account number (ISO 13616): 15 letters and digits or more, remainder 1 of 97."""
    solid = "".join(filter(str.isalnum, number)).upper()
    if len(solid) < 15:
        return False
    return int("".join(str(int(sign, 36)) for sign in solid[4:] + solid[:4])) % 97 == 1


def cpf(number: str) -> bool:
    """Check a Brazilian taxpayer's number: two digits of remainder 11."""
    digits = _digits(number)
    return len(set(digits)) > 1 and all(
        10 * sum(digit * (place + 1 - at) for at, digit in enumerate(digits[:place])) % 11 % 10
        == digits[place]
        for place in (9, 10)
    )


def dni(number: str) -> bool:
    """Check a Spanish identity number: a letter of remainder 23."""
    solid = number.upper().replace("-", "").replace(" ", "")
    first = str("XYZ".index(solid[0])) if solid[0] in "XYZ" else solid[0]
    return _DNI_LETTERS[int(first + solid[1:-1]) % 23] == solid[-1]


def resident(number: str) -> bool:
    """Check a Chinese resident's number (GB 11643-1999)."""
    weighted = zip(_RESIDENT_WEIGHTS, _digits(number[:17]), strict=True)
    return "10X98765432"[sum(weight * digit for weight, digit in weighted) % 11] == (
        number[17].upper()
    )


def nir(number: str) -> bool:
    """Check a French social security number: a key of 97."""
    digits = "".join(map(str, _digits(number)))
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def _digits(number: str) -> list[int]:
    return [int(sign) for sign in number if sign.isdigit()]
