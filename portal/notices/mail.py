"""A notice as an e-mail: text and HTML, one link, nothing that decides."""

from __future__ import annotations

import smtplib
import time
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from portal.notices.models import Delivery
from portal.notices.outgoing import Answer
from portal.notices.registry import label_of

DELIVERED = 250


def compose(delivery: Delivery) -> EmailMultiAlternatives:
    """The message. Its Message-ID is the delivery's, so that one sent twice is seen as one."""
    notice, person = delivery.notice, delivery.person
    assert person is not None
    context = {
        "notice": notice,
        "person": person,
        "kind": label_of(notice.type),
        "site": settings.SITE_NAME,
        "url": f"{settings.PUBLIC_URL}{notice.path}",
        "preferences": f"{settings.PUBLIC_URL}{reverse('notice-preferences')}",
    }
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    message = EmailMultiAlternatives(
        subject=notice.title,
        body=render_to_string("notices/mail.txt", context),
        to=[person.email],
        headers={"Message-ID": f"<{delivery.id.hex}@{host}>", "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(render_to_string("notices/mail.html", context), "text/html")
    return message


def send(message: EmailMultiAlternatives) -> tuple[Answer, bool]:
    """Send it once; the answer, and whether the server said that this can never work."""
    began = time.monotonic()
    status, said, final = DELIVERED, "Taken by the mail server.", False
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        status, words = next(iter(error.recipients.values()))
        said, final = words.decode("utf-8", "replace")[:200], 500 <= status < 600
    except smtplib.SMTPResponseException as error:
        status, told = int(error.smtp_code), error.smtp_error
        said = (told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told))[:200]
    except (OSError, smtplib.SMTPException) as error:
        status, said = 0, f"The mail server does not answer: {type(error).__name__}."
    except ValueError as error:
        status, said, final = 0, f"This address or subject cannot be sent: {type(error).__name__}.", True
    # The numbers of SMTP are not those of HTTP: what is below counts as delivered, all else as no answer of use.
    return Answer(status if status == DELIVERED else 0, f"{status or ''} {said}".strip(), _ms(began)), final


def _ms(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
