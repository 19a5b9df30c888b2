import os, pytest
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]="1"
from tests.governance.house import House
from tests.governance.pages.test_release_page import decide
from tests.governance.house import *
from playwright.sync_api import sync_playwright
OUT="/tmp/dev/govui_shots"; os.makedirs(OUT,exist_ok=True)
@pytest.mark.django_db(transaction=True)
def test_shots(live_server, as_user, settings):
    settings.ALLOWED_HOSTS=["*"]
    h=House()
    decide(h,h.release("1.0.0",0.95),"validator")
    r=h.release("2.0.0",0.75,"More accurate on the new data. Please look at the older applicants.")
    decide(h,r,"validator",reason="Measured on the same rows.")
    h.measure(r.version,0.76)
    from governance.services.releases import assess_release
    assess_release(r)
    b=h.release("3.0.0",0.5); u=h.release("4.0.0",None)
    def shot(role, jobs):
        c=as_user(h[role]); ck=c.cookies["gatehouse_session"].value
        with sync_playwright() as p:
            br=p.chromium.launch(executable_path="/usr/bin/chromium" if os.path.exists("/usr/bin/chromium") else None,args=["--no-sandbox"])
            for name,path,w,theme,act in jobs:
                ctx=br.new_context(viewport={"width":w,"height":900},color_scheme=theme)
                ctx.add_cookies([{"name":"gatehouse_session","value":ck,"url":live_server.url}])
                pg=ctx.new_page(); logs=[]
                pg.on("console",lambda m:logs.append(m.text)); pg.on("pageerror",lambda e:logs.append(str(e)))
                pg.goto(live_server.url+path)
                if act: act(pg)
                pg.screenshot(path=f"{OUT}/{name}.png",full_page=True)
                wide=pg.evaluate("document.documentElement.scrollWidth")
                print(name, wide, logs)
                ctx.close()
            br.close()
    def choose(pg):
        pg.check("input[value=conditions]"); pg.fill("#id_reason","It is close enough.")
    def confirm(pg):
        pg.check("input[value=reject]"); pg.fill("#id_reason","Too low."); pg.click("[data-submit]")
    R=f"/releases/R-{r.pk}/"
    shot("fairness",[("rel-light",R,1280,"light",None),("rel-dark",R,1280,"dark",choose),("rel-390",R,390,"light",None),("rel-confirm",R,1280,"light",confirm),
      ("blocked",f"/releases/R-{b.pk}/",1280,"light",None),("unknown",f"/releases/R-{u.pk}/",390,"dark",None),("list","/releases/",1280,"light",None),("list-390","/releases/",390,"light",None),
      ("home","/",1280,"light",None),("policies","/policies/",1280,"light",None),("policy","/policies/accuracy-floor/",1280,"light",None),("policy-390","/policies/accuracy-floor/",390,"dark",None),("decision",f"/decisions/D-{r.decision_id}/",1280,"light",None)])
    shot("model_owner",[("owner",R,1280,"light",None),("new","/releases/new/",1280,"light",None),("withdraw",R+"withdraw/",390,"light",None)])
