"""Why something was refused, in words that tell a reader what to do."""

from __future__ import annotations

from markupsafe import Markup

from app.web.locale import N_, Locale
from domain.errors import DomainError

_OTHER = N_("This could not be done. Check what you entered and try again.")
MESSAGES = {
    "title_missing": N_("Enter a title."),
    "name_missing": N_("Enter a name."),
    "email_invalid": N_("Enter an e-mail address, such as name@example.org."),
    "too_long": N_("This text is too long. Shorten it."),
    "bad_characters": N_("This text holds characters that cannot be stored. Type it anew."),
    "language_unknown": N_("Choose a language from the list."),
    "url_invalid": N_("Enter a full address that begins with https:// or http://."),
    "url_unfit": N_("Enter a full address that begins with https:// or http://."),
    "kind_unknown": N_("Choose one of the kinds offered."),
    "format_unknown": N_("Choose one of the kinds offered."),
    "status_unknown": N_("Choose one of the states offered."),
    "status_derived": N_("Only a task has a state of its own; this follows from the tasks inside."),
    "parent_unfit": N_("It does not belong there. Choose another place."),
    "before_unknown": N_("The plan has changed meanwhile. Look at it again and try once more."),
    "plan_full": N_("This plan is full. Remove something first, or start another process."),
    "node_disabled": N_("This part of the plan was taken out. Bring it back first."),
    "rights_unknown": N_("Choose what the person may do."),
    "administer_whole": N_("Administrators administer the whole process: choose “The whole process”."),
    "grantee_unknown": N_("Nobody with this address has signed in here yet. Ask them to sign in once."),
    "node_unknown": N_("Choose a part of the plan from the list."),
    "last_administrator": N_("A process keeps at least one administrator. Name another one first."),
    "scopes_unknown": N_("Choose what the token may be used for."),
    "expiry_past": N_("Choose a day in the future."),
    "expiry_invalid": N_("Choose one of the periods offered."),
    "too_many_tokens": N_("You have too many tokens. Revoke one first."),
    "file_missing": N_("Choose a file."),
    "file_type_unknown": N_("Choose a .docx, .odt, .html, .md or .txt file."),
    "file_broken": N_("This file could not be read. Open it in your program, save it anew, and try again."),
    "file_empty": N_("There is nothing in this file."),
    "file_too_large": N_("This file is too large. Take out pictures, or split it, and try again."),
    "document_full": N_("The document would become too large. Start another one."),
    "too_complex": N_("This file has more in it than can be taken over. Split it, and try again."),
    "too_slow": N_("This took too long. Split the file, and try again."),
    "failed": N_("This file could not be taken over. Save it as another kind of file, and try again."),
    "nothing_to_restore": N_("The document says exactly that already."),
    "moment_invalid": N_("Choose a moment from the list."),
    "moment_future": N_("Choose a moment from the list."),
    "document_disabled": N_("This document is out of use."),
    "document_too_large": N_("The document is too large for that."),
    "not_confirmed": N_("Mark that you want this."),
    "fate_unknown": N_("Choose one of the kinds offered."),
    "erasure_begun": N_("This has begun and cannot be called back."),
    "url_refused": N_(
        "Enter a full public address that begins with https:// or http://, without a user name in it."
    ),
    "filter_invalid": N_("This is not a CloudEvents filter. Mend it, or leave it empty."),
    "process_unknown": N_("Choose a process from the list."),
    "place_unknown": N_("Enter a place from 0 to the last one in the log."),
    "time_unknown": N_("Enter a date and time that have passed."),
    "number_invalid": N_("Enter a whole number within the limits that stand beside the field."),
    "id_invalid": N_("Choose something from the list."),
    "ground_unknown": N_("Choose something from the list."),
    "day_invalid": N_("Enter a day that exists, such as 2026-01-31."),
    "range_backwards": N_("The last place must not come before the first."),
    "replay_under_way": N_("Another replay is under way. Wait until it is done."),
    "nothing_to_send": N_("You may no longer see what was sent then."),
    "too_many_subscriptions": N_("You have too many subscriptions. Delete one first."),
    "version_conflict": N_("Somebody else changed this at the same moment. Try again."),
}


def refusal(error: DomainError, locale: Locale) -> Markup:
    """What to tell the reader about a refusal."""
    return locale.gettext(MESSAGES.get(error.code, _OTHER))
