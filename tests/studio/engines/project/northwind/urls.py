"""The addresses that mails link to."""

from django.urls import include, path
from django.views.generic import TemplateView

urlpatterns = [
    path("orders/<int:number>/", TemplateView.as_view(), name="order"),
    path("accounts/", include("django.contrib.auth.urls")),
]
