"""What comes in and goes out. Whatever becomes a part of a key has a greatest length here."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr, StringConstraints


def _is_text(value: SecretStr) -> SecretStr:
    """Refuse a lone surrogate, as `str` does: JSON can hold this half of a character, UTF-8 cannot."""
    if any("\ud800" <= letter <= "\udfff" for letter in value.get_secret_value()):
        raise ValueError("takes text")
    return value


Id = Annotated[int, Field(ge=1, le=2**53)]
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
    Field(examples=["Ada Lovelace"]),
]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$",
    ),
    Field(examples=["ada@example.com"]),
]
# Its length is bounded since the hash's cost grows with it; SecretStr keeps it out of reprs.
Password = Annotated[
    SecretStr,
    Field(min_length=8, max_length=128, examples=["correct horse"]),
    AfterValidator(_is_text),
]


class Credentials(BaseModel):
    """Who logs in."""

    email: Email
    password: Password


class SignUp(Credentials):
    """Who is new."""

    name: Name


class Rename(BaseModel):
    """A new name."""

    name: Name


class Profile(BaseModel):
    """What everybody may see of a user, and so the only part that is cached."""

    id: int
    name: str


class Account(Profile):
    """What users see of themselves."""

    email: str


class Preferences(BaseModel):
    """What is convenient to remember, and may be lost: it lives in the cache's server alone."""

    theme: Literal["light", "dark"] = "light"
    page_size: int = Field(20, ge=1, le=100)


class Device(BaseModel):
    """A session as its user sees it in a list; its handle opens nothing."""

    handle: str
    device: str
    since: datetime
    is_this: bool
