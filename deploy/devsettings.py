"""Settings of an installation that `make run` made: secrets drawn once, addresses written anew at each start.

They stand in `$VAR_DIR/settings.env` (mode 0600). Whatever the environment says goes before; so does a partner's
address that somebody wrote into the upper part of the file by hand.
"""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from citizen_services.settings import ALL_PARTNERS, read_env_file
from deploy.serving import write_private

_LETTERS = string.ascii_letters + string.digits
_HEADER = """\
# Secrets of this installation, drawn at random when it was made. Never for production, never to be shared.
# Lines of this part are kept; add others, such as EMS_BASE_URL of a partner's test system.
"""
_ADDRESSES = "# ---- Below: where things are, written anew by every `make run`. ----"


def _letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def _digits(count: int) -> str:
    return "".join(secrets.choice(string.digits) for _ in range(count))


_MAKERS: Mapping[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(48),
    "DATA_KEYS": lambda: secrets.token_urlsafe(48),
    "LOOKUP_KEYS": lambda: secrets.token_urlsafe(48),
    "AUDIT_KEY": lambda: secrets.token_urlsafe(48),
    "METRICS_TOKEN": lambda: secrets.token_urlsafe(36),
    "WECHAT_APP_ID": lambda: "wx" + secrets.token_hex(8),
    "WECHAT_APP_SECRET": lambda: secrets.token_hex(16),
    "WECHAT_TOKEN": lambda: _letters(32),
    "WECHAT_MODE": lambda: "safe",
    "WECHAT_ENCODING_AES_KEY": lambda: _letters(42) + secrets.choice("AEIMQUYcgkosw048"),
    # So that the progress of a case can come as a subscription message; the stand-in knows each template by this id.
    "CHANNEL_TEMPLATES": lambda: '{"subscribe:case_progress": "sub_case_progress"}',
    # Longer than an account begins with: none of our templates fits into six characters.
    "SMS_TENCENT_VARIABLE": lambda: "35",
}
# Forms that partners prescribe for what they hand out (partners' documents); the rest is a plain random word.
_CREDENTIALS: Mapping[str, Callable[[], str]] = {
    "ACCESS_KEY_ID": lambda: "LTAI" + _letters(20),
    "ACCESS_KEY_SECRET": lambda: _letters(30),
    "SIGN_NAME": lambda: "奉化公安",
    "SECRET_ID": lambda: "AKID" + _letters(32),
    "SDK_APP_ID": lambda: "1400" + _digits(6),
    "SENDER_NO": lambda: "1100" + _digits(9),
    "SIGN_KEY": lambda: base64.b64encode(secrets.token_bytes(16)).decode(),
    "APP_ID": lambda: "fh-" + secrets.token_hex(6),
}


def key_pair() -> tuple[str, str]:
    """An RSA pair: private key (PKCS 8) and public key, each the text of its PEM on one line."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(private).decode(), base64.b64encode(public).decode()


def payment_keys() -> dict[str, str]:
    """Both sides' keys of the payment stand-in: the merchant's, and the partner's own, of which we hold one half."""
    merchant, merchant_public = key_pair()
    partner, partner_public = key_pair()
    return {
        "WECHAT_PAY_MERCHANT_NO": "19" + _digits(8),
        "WECHAT_PAY_SERIAL_NO": secrets.token_hex(20).upper(),
        "WECHAT_PAY_PRIVATE_KEY": merchant,
        "WECHAT_PAY_API_V3_KEY": _letters(32),
        "WECHAT_PAY_PUBLIC_KEY": partner_public,
        "WECHAT_PAY_PUBLIC_KEY_ID": "PUB_KEY_ID_" + _digits(32),
        "SANDBOX_WECHAT_PAY_KEY": partner,
        "SANDBOX_WECHAT_PAY_MERCHANT_KEY": merchant_public,
    }


def _default(prefix: str, credential: str) -> str:
    return _CREDENTIALS.get(credential, lambda: secrets.token_urlsafe(32))()


def kept(path: Path) -> dict[str, str]:
    """The upper part of the file: what was drawn once or written by hand."""
    if not path.is_file():
        return {}
    upper = path.read_text(encoding="utf-8").partition(_ADDRESSES)[0]
    lines = (line.strip() for line in upper.splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#") and "=" in line)


def write(var_dir: Path, addresses: Mapping[str, str], sandbox_url: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Bring `settings.env` up to date and hand back what the processes get: the file with `environ` over it.

    `addresses` are this start's (DATABASE_URL, REDIS_URL, PUBLIC_BASE_URL, …). A partner is the sandbox only where
    neither the environment nor the kept part names another address.
    """
    path = var_dir / "settings.env"
    constant = kept(path)
    for name, make in _MAKERS.items():
        constant.setdefault(name, make())
    if "WECHAT_PAY_PRIVATE_KEY" not in constant:
        constant |= payment_keys()
    for prefix, credentials in ALL_PARTNERS.items():
        for credential in credentials:
            constant.setdefault(f"{prefix}_{credential}", _default(prefix, credential))
    changing = dict(addresses)
    for prefix in ALL_PARTNERS:
        if f"{prefix}_BASE_URL" not in constant:
            address = environ.get(f"{prefix}_BASE_URL") or f"{sandbox_url}/{prefix.lower()}"
            changing[f"{prefix}_BASE_URL"] = address
    for name in [name for name in changing if name in constant]:
        del changing[name]
    lines = [_HEADER, *(f"{name}={value}" for name, value in constant.items())]
    lines += ["", _ADDRESSES, *(f"{name}={value}" for name, value in changing.items()), ""]
    write_private(path, "\n".join(lines))
    return read_env_file(path) | {name: value for name, value in environ.items() if value}
