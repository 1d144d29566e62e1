"""The addresses of the guide, and one that says who is signed in."""

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path


def me(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return JsonResponse({"error": "nobody"}, status=401)
    return JsonResponse({"email": request.user.email})


urlpatterns = [
    path("", include("keyturn_urls")),
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("me", me),
]
