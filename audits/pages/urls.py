from django.urls import URLPattern, URLResolver, path

from audits.pages import bias, packs

urlpatterns: list[URLPattern | URLResolver] = [
    path("bias/", bias.BiasReportsPage.as_view(), name="bias-reports"),
    path("bias/EV-<int:number>/", bias.BiasReportPage.as_view(), name="bias-report"),
    path("bias/EV-<int:number>/numbers.json", bias.BiasNumbersPage.as_view(), name="bias-numbers"),
    path("bias/T-<int:number>/", bias.TestRunPage.as_view(), name="test-run"),
    path("models/<str:name>/versions/<str:version>/bias/new/", bias.BiasNewPage.as_view(), name="bias-new"),
    path("evidence-packs/", packs.PacksPage.as_view(), name="evidence-packs"),
    path("evidence-packs/ca.pem", packs.ca_certificate, name="evidence-ca"),
    path("evidence-packs/<int:pk>/", packs.PackPage.as_view(), name="evidence-pack"),
    path("evidence-packs/<int:pk>/report.pdf", packs.PackDownloadPage.as_view(), name="evidence-pack-download"),
    path("releases/R-<int:number>/evidence-packs/", packs.PackNewPage.as_view(), name="evidence-pack-new"),
]
