"""The addresses of the guide, and one that says who is signed in."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path


def me(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return JsonResponse({"error": "nobody"}, status=401)
    return JsonResponse({"email": request.user.email})


urlpatterns = [path("", include("urls")), path("me", me)]
