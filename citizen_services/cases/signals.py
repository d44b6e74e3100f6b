"""What the platform tells others inside its own transaction.

Receivers add rows to the same Change and never call out.
"""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

#: A step was taken. Sender: the step's action; keywords: ``situation``, ``step``, ``change``.
case_moved = _signals.signal("case-moved")

#: A parcel is to be ordered for a case. Sender: the case's id; keywords: ``receiver`` (``{name, phone, province,
#: city, county, address}``), ``direction`` (``out`` | ``back``), ``old`` (the OldDocument that it fetches, None where
#: none is waited for), ``change``.
parcel_wanted = _signals.signal("parcel-wanted")

#: The parcel that is made for a case, or on its way, is not to reach anybody: cancelled, or called back. Sender: the
#: case's id; keywords: ``what`` (what lies in it, as people read it), ``change``.
parcel_unwanted = _signals.signal("parcel-unwanted")

#: A document is to be given back without a courier of ours. Sender: the case's id; keywords: ``old`` (the OldDocument),
#: ``change``.
old_document_due = _signals.signal("old-document-due")

#: A document is to be served by post. Sender: the case's id; keywords: ``document_id``, ``receiver`` (as of a
#: parcel; its ``address`` may be empty), ``change``.
letter_wanted = _signals.signal("letter-wanted")

#: A draft has not been sent for some days: its person is reminded once. Sender: the draft's id; keywords: ``draft``,
#: ``item`` (the declaration), ``citizen`` (whose it is), ``change``.
draft_waits = _signals.signal("draft-waits")

#: A person was reached only after the date of a correction, and has some days more. Sender: the case's id; keywords:
#: ``correction``, ``due`` (a Deadline), ``change``.
correction_extended = _signals.signal("correction-extended")

#: A case was rated. Sender: the case's id; keywords: ``case``, ``grade`` (5 to 1), ``change``.
case_rated = _signals.signal("case-rated")

#: An application is to be handed to the national platform. Sender: the case's id; keywords: ``application`` (as
#: docs/partners/platform.md has it), ``change``.
application_wanted = _signals.signal("application-wanted")

#: An application that was handed over is not wanted any more. Sender: the case's id; keywords: ``change``.
application_unwanted = _signals.signal("application-unwanted")

#: What files of cases contained was removed, since their time is over. Sender: ``"retention"``; keyword: ``case_ids``;
#: in the removal's own transaction.
case_files_removed = _signals.signal("case-files-removed")

#: A bad rating counts no more after a review. Sender: the case's id; keywords: ``case``, ``decision``, ``change``.
rating_set_aside = _signals.signal("rating-set-aside")

#: What came of a contest of a rating. Sender: the case's id; keywords: ``case``, ``grade``, ``upheld``, ``change``.
contest_decided = _signals.signal("contest-decided")

#: A long export was asked for and waits for a worker. Sender: its id; keywords: ``change``.
export_wanted = _signals.signal("export-wanted")

#: An adult who has an account is asked to confirm that they register with a household. Sender: the member's id;
#: keywords: ``citizen`` (whom), ``head`` (whose household), ``item`` (the declaration), ``until`` (the last day),
#: ``change``.
household_invited = _signals.signal("household-invited")

#: An invitation was answered. Sender: the member's id; in the answer's own transaction.
invitation_ended = _signals.signal("invitation-ended")
