"""What the sandbox knows about us: the credentials and addresses that the real partners would have been given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REGISTERS = ("population", "migrants", "addresses", "social_insurance", "market", "schools")
#: The traffic office's, each an optional register too.
TRAFFIC = (
    "vehicles", "licences", "violations", "insurance", "vehicle_tax", "purchase_tax", "medical", "platform",
)  # fmt: skip
PARTNERS = ("wechat_api", "wechat_oauth", "sms_aliyun", "ems", *REGISTERS)
#: Systems of the registers' kind that an installation may do without.
OPTIONAL = ("one_window", "sms_tencent", "wechat_pay", *TRAFFIC)


@dataclass(frozen=True)
class SandboxConfig:
    """The stand-ins' settings. Names of the environment are the application's own, so that both sides hold one set.

    `speed` divides the outside's waiting times (minutes between two tries of a receipt); nothing else is scaled.
    `base_url` is where the sandbox itself is reached (for the links to parcel labels).
    """

    ledger_path: Path
    base_url: str = "http://127.0.0.1:8001"
    public_base_url: str = "http://127.0.0.1:8000"
    wechat_app_id: str = ""
    wechat_app_secret: str = ""
    wechat_token: str = ""
    wechat_aes_key: str = ""
    wechat_mode: str = "safe"
    wechat_original_id: str = "gh_sandbox000001"
    sms_access_key_id: str = ""
    sms_access_key_secret: str = ""
    sms_sign_name: str = ""
    sms_receipt_token: str = ""
    tencent_secret_id: str = ""
    tencent_secret_key: str = ""
    tencent_sdk_app_id: str = ""
    tencent_sign_name: str = ""
    tencent_receipt_token: str = ""
    ems_sender_no: str = ""
    ems_authorization: str = ""
    ems_sign_key: str = ""
    ems_receipt_token: str = ""
    platform_receipt_token: str = ""
    #: The payment partner: who the merchant is, its public key, and the partner's own key.
    pay_merchant_no: str = ""
    pay_serial_no: str = ""
    pay_merchant_key: str = ""
    pay_api_v3_key: str = ""
    pay_own_key: str = ""
    pay_own_key_id: str = ""
    pay_receipt_token: str = ""
    register_keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    speed: float = 60.0
    receipt_delay_s: float = 0.3
    query_delay_s: float = 5.0

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], ledger_path: Path, base_url: str) -> SandboxConfig:
        """Read the application's variables. What is missing leaves its partner closed: it refuses every call."""

        def text(name: str, default: str = "") -> str:
            return environ.get(name) or default

        return cls(
            ledger_path=ledger_path,
            base_url=base_url,
            public_base_url=text("PUBLIC_BASE_URL", f"http://127.0.0.1:{text('PORT', '8000')}").rstrip("/"),
            wechat_app_id=text("WECHAT_APP_ID"),
            wechat_app_secret=text("WECHAT_APP_SECRET"),
            wechat_token=text("WECHAT_TOKEN"),
            wechat_aes_key=text("WECHAT_ENCODING_AES_KEY"),
            wechat_mode=text("WECHAT_MODE", "safe"),
            sms_access_key_id=text("SMS_ALIYUN_ACCESS_KEY_ID"),
            sms_access_key_secret=text("SMS_ALIYUN_ACCESS_KEY_SECRET"),
            sms_sign_name=text("SMS_ALIYUN_SIGN_NAME"),
            sms_receipt_token=text("SMS_ALIYUN_RECEIPT_TOKEN"),
            tencent_secret_id=text("SMS_TENCENT_SECRET_ID"),
            tencent_secret_key=text("SMS_TENCENT_SECRET_KEY"),
            tencent_sdk_app_id=text("SMS_TENCENT_SDK_APP_ID"),
            tencent_sign_name=text("SMS_TENCENT_SIGN_NAME"),
            tencent_receipt_token=text("SMS_TENCENT_RECEIPT_TOKEN"),
            ems_sender_no=text("EMS_SENDER_NO"),
            ems_authorization=text("EMS_AUTHORIZATION"),
            ems_sign_key=text("EMS_SIGN_KEY"),
            ems_receipt_token=text("EMS_RECEIPT_TOKEN"),
            platform_receipt_token=text("PLATFORM_RECEIPT_TOKEN"),
            pay_merchant_no=text("WECHAT_PAY_MERCHANT_NO"),
            pay_serial_no=text("WECHAT_PAY_SERIAL_NO"),
            pay_merchant_key=text("SANDBOX_WECHAT_PAY_MERCHANT_KEY"),
            pay_api_v3_key=text("WECHAT_PAY_API_V3_KEY"),
            pay_own_key=text("SANDBOX_WECHAT_PAY_KEY"),
            pay_own_key_id=text("WECHAT_PAY_PUBLIC_KEY_ID"),
            pay_receipt_token=text("WECHAT_PAY_RECEIPT_TOKEN"),
            register_keys={
                name: (text(f"{name.upper()}_APP_ID"), text(f"{name.upper()}_APP_KEY"))
                for name in (*REGISTERS, *OPTIONAL)
            },
            speed=float(text("SANDBOX_SPEED", "60")),
            receipt_delay_s=float(text("SANDBOX_RECEIPT_DELAY_S", "0.3")),
            query_delay_s=float(text("SANDBOX_QUERY_DELAY_S", "5")),
        )
