"""Pages of evidence packs: the list, one pack with its check, the file, the root certificate."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.urls import reverse

from audits import selectors
from audits.services.certificates import ca_pem
from audits.services.packs import request_pack, verify_pdf
from audits.services.sealing import current_seal
from catalog.services.blobs import open_blob
from portal.access import Permission
from portal.errors import Conflict
from portal.pages.base import Page, ReadPage


class PacksPage(ReadPage):
    template_name = "audits/packs.html"
    permission = Permission.AUDITS_EVIDENCE_PACK_READ
    nav = "evidence-packs"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        packs = list(selectors.packs_for(self.actor).order_by("-pk")[:100])
        made = sum(1 for pack in packs if pack.blob_id)
        return super().get_context_data(**kwargs, packs=packs, made=made, seal=current_seal())


class PackPage(ReadPage):
    template_name = "audits/pack.html"
    permission = Permission.AUDITS_EVIDENCE_PACK_READ
    nav = "evidence-packs"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        pack = selectors.pack_numbered(self.actor, self.kwargs["pk"])
        check = None
        if pack.blob is not None:
            with open_blob(pack.blob) as stream:
                check = verify_pdf(stream.read())
        return super().get_context_data(**kwargs, pack=pack, release=pack.release, job=pack.job, check=check)


class PackNewPage(Page):
    """POST only: ask for a pack of a release, then follow it."""

    permission = Permission.AUDITS_EVIDENCE_PACK_CREATE
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, number: int) -> HttpResponse:
        pack = request_pack(selectors.release_numbered(self.actor, number), actor=self.actor)
        response = HttpResponse(status=303)
        response["Location"] = reverse("evidence-pack", kwargs={"pk": pack.pk})
        return response


class PackDownloadPage(Page):
    permission = Permission.AUDITS_EVIDENCE_PACK_READ

    def get(self, request: HttpRequest, pk: int) -> FileResponse:
        pack = selectors.pack_numbered(self.actor, pk)
        if pack.blob is None:
            raise Conflict("The pack is not made yet.", code="pack-not-ready", how="Wait until its job is done.")
        return FileResponse(
            open_blob(pack.blob), as_attachment=True, filename=pack.file_name, content_type="application/pdf"
        )


def ca_certificate(request: HttpRequest) -> HttpResponse:
    """The root certificate, for anybody: it is public by its nature, and an auditor may have no account."""
    name = 'attachment; filename="gatehouse-ca.pem"'
    return HttpResponse(ca_pem(), content_type="application/x-pem-file", headers={"Content-Disposition": name})
