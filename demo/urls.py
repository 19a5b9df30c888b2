from django.urls import path

from demo.pages import Dismiss

urlpatterns = [path("demo/dismiss/", Dismiss.as_view(), name="demo-dismiss")]
