"""`auth/token`, `auth/refresh`: a user's name and password for tokens, and the refresh token for an access token."""

from django.contrib.auth import authenticate
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.tokens import RefreshToken

from etl.api.auth import CHALLENGE
from etl.api.base import JsonView
from etl.api.forms import Form
from pulse.tenancy.access import note_login
from pulse.tenancy.models import User
from pulse.tenancy.tokens import new_tokens, user_of


class LoginForm(Form):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)


class RefreshForm(Form):
    refresh = serializers.CharField(max_length=4000, write_only=True)


class _TokenView(JsonView):
    """For those who are not logged in yet."""

    authentication_classes = ()
    permission_classes = ()

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class NewTokenView(_TokenView):
    """POST {username, password} → {access, refresh}."""

    forms = {"POST": LoginForm}
    answers = {"POST": {"access": str, "refresh": str}}

    def post(self, request: Request) -> Response:
        user = authenticate(request, **self.given)
        if not isinstance(user, User):
            raise exceptions.AuthenticationFailed(
                "the name or the password is wrong, or the user or tenant is inactive"
            )
        note_login(user)
        refresh = new_tokens(user)
        return Response({"access": str(refresh.access_token), "refresh": str(refresh)})


class RefreshView(_TokenView):
    """POST {refresh} → {access}."""

    forms = {"POST": RefreshForm}
    answers = {"POST": {"access": str}}

    def post(self, request: Request) -> Response:
        _, token = user_of(RefreshToken, self.given["refresh"])
        return Response({"access": str(token.access_token)})
