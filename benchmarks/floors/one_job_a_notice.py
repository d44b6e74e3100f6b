"""Floor of ``notices``: one RQ job a notice that makes the same call by the same client, and keeps no record of it."""

import os

from redis import Redis
from rq import Queue

from citizen_services.exchange.sms_aliyun import SmsAliyun
from citizen_services.settings import Partner

QUEUE = "notices"
gateway = SmsAliyun(
    Partner(
        "sms_aliyun",
        os.environ.get("SMS_ALIYUN_BASE_URL", ""),
        {
            name: os.environ.get(f"SMS_ALIYUN_{name.upper()}", "")
            for name in ("access_key_id", "access_key_secret", "sign_name")
        },
    ),
    {},
)


def send(ref: str, phone: str, template: str, values: dict[str, str]) -> None:
    """Send one message; run by ``rq worker --worker-class rq.SimpleWorker notices``."""
    gateway.send(ref, phone, template, values)


def enqueue(redis_url: str, orders: list[tuple[str, str, str, dict[str, str]]]) -> None:
    """One job for each message."""
    queue = Queue(QUEUE, connection=Redis.from_url(redis_url))
    queue.enqueue_many([Queue.prepare_data(send, order, result_ttl=0) for order in orders])
