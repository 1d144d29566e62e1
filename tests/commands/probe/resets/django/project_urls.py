"""The addresses of Django's accounts, and one that says who is signed in."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def me(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        request.user.get_username(), status=200 if request.user.is_authenticated else 401
    )


urlpatterns = [
    path("", LoginView.as_view()),
    path("accounts/", include("django.contrib.auth.urls")),
    path("admin/", admin.site.urls),
    path("me", me),
]
