"""The one thing that every stand-in holds: settings, ledger, state, faults, and how a call is taken."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Response, request

from citizen_services.sandbox.config import SandboxConfig
from citizen_services.sandbox.faults import Fault, Faults
from citizen_services.sandbox.outgoing import Outgoing
from citizen_services.sandbox.store import Ledger, State

log = logging.getLogger(__name__)

#: The largest body that any stand-in reads (a face image in Base64 with its envelope).
LARGEST_BODY = 2 * 1024 * 1024


@dataclass(frozen=True)
class Call:
    """One request of ours as it arrived: the partner's own name of the operation, and who and what it concerns.

    `to` is the phone, openid, addressee or identity number; `text` what a person would read; `our_ref` the reference in
    the partner's own field ("" where that operation has none).
    """

    partner: str
    operation: str
    our_ref: str = ""
    to: str = ""
    text: str = ""
    for_token: bool = False


@dataclass(frozen=True)
class Answer:
    """What a stand-in says to a call. `outcome` is `ok` or `accepted` if it was taken, else the partner's code."""

    response: Response
    outcome: str
    detail: dict[str, Any] = field(default_factory=dict)
    text: str | None = None


@dataclass(frozen=True)
class Voice:
    """How one partner says the planted faults: refused for good, token or signature too old, broken inside."""

    refused: Callable[[Call, str | None], Answer]
    expired: Callable[[Call], Answer]
    broken: Callable[[], Response]


class World:
    """The stand-ins' common ground, one per process."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.ledger = Ledger(config.ledger_path)
        self.state = State(config.ledger_path.with_suffix(".state.jsonl"))
        self.faults = Faults()
        self.outgoing = Outgoing(self.state, self.faults, self.now)
        #: What the control and the page use of a partner's module, by its name: the modules put themselves in.
        self.doors: dict[str, Any] = {}

    @staticmethod
    def now() -> float:
        """Return the machine's time in Unix seconds: what partners check is protocol time, never a moved clock."""
        return time.time()

    def note(self, call: Call, outcome: str, detail: dict[str, Any] | None = None, text: str | None = None) -> None:
        """Write an arrival into the ledger."""
        reference = request.headers.get("X-Request-Ref", "")
        self.ledger.append(
            partner=call.partner,
            operation=call.operation,
            our_ref=call.our_ref or reference,
            to=call.to,
            text=call.text if text is None else text,
            outcome=outcome,
            request_ref=reference,
            detail=detail or {},
        )

    def take(self, call: Call, act: Callable[[], Answer], voice: Voice) -> Response:
        """Let a call pass the planted fault, act on it, write it down, and answer (or not).

        `act` runs under the state's lock. The entry is on disk before the answer leaves.
        """
        fault = self.faults.take_for_call(call.partner, call.to, for_token=call.for_token)
        if fault.mode == "http_500" and not fault.after:
            self.note(call, "http_500")
            return voice.broken()
        if fault.mode == "refuse":
            answer = voice.refused(call, fault.code)
        elif fault.mode == "expired_token":
            answer = voice.expired(call)
        else:
            with self.state.lock:
                answer = act()
        self.note(call, answer.outcome, answer.detail, answer.text)
        return self._leave(answer.response, fault, voice)

    @staticmethod
    def _leave(response: Response, fault: Fault, voice: Voice) -> Response:
        if fault.mode == "http_500":
            return voice.broken()
        if fault.mode == "slow":
            time.sleep(fault.delay_s)
        if fault.mode == "accept_then_cut":
            cut_connection()
        return response

    def close(self) -> None:
        """Stop sending and close the files."""
        self.outgoing.stop()
        self.ledger.close()
        self.state.close()


def cut_connection() -> None:
    """Close the caller's connection under the answer, so that it is lost after the call was taken."""
    connection = request.environ.get("werkzeug.socket") or request.environ.get("gunicorn.socket")
    if isinstance(connection, socket.socket):
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.info("the caller had already gone")
