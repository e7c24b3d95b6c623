"""The caller's own API tokens; sessions only, so that a leaked token cannot make others."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal import tokens
from portal.api.permissions import SESSION_ONLY
from portal.models import ApiToken
from provisioner.api.serializers.base import StrictSerializer, TextField, WholeNumberField
from provisioner.api.view import ApiView, ListView


class TokenSerializer(serializers.Serializer[Any]):
    """A token without its secret."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(read_only=True)
    prefix = serializers.CharField(read_only=True, help_text="The part of the token that is no secret.")
    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    expires_at = serializers.DateTimeField(read_only=True)
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True)
    revoked_at = serializers.DateTimeField(read_only=True, allow_null=True)


class NewTokenSerializer(StrictSerializer):
    """What a token is to be."""

    name = TextField(max_length=tokens.NAME_MAX_LENGTH)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=sorted(tokens.SCOPES)),
        allow_empty=False,
        max_length=len(tokens.SCOPES),
    )
    days = WholeNumberField(min_value=1, max_value=tokens.DAYS_MAX, required=False, default=90)


class IssuedTokenSerializer(TokenSerializer):
    """A token with its secret, this once."""

    secret = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="Shown once; null when a repeated call gets the same answer.",
    )


class Tokens(ListView):
    """The caller's tokens, newest first."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": SESSION_ONLY, "POST": SESSION_ONLY}
    serializer_class = TokenSerializer
    queryset = ApiToken.objects.none()

    def get_queryset(self) -> Any:
        return ApiToken.objects.filter(user=self.caller()).order_by("-created_at", "id")

    def get_serializer_class(self) -> Any:
        return NewTokenSerializer if self.request.method == "POST" else TokenSerializer

    @extend_schema(operation_id="tokens_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="tokens_create", request=NewTokenSerializer, responses={201: IssuedTokenSerializer}
    )
    def post(self, request: Request) -> Response:
        wanted = self.body(request)
        token, secret = tokens.issue(
            self.caller(), wanted["name"], wanted["scopes"], wanted["days"], now=self.now()
        )
        response = Response({**TokenSerializer(token).data, "secret": secret}, status=201)
        response.shown_once = ("secret",)  # type: ignore[attr-defined]  # never kept for a repeated call
        return response


class Token(ApiView):
    """One of the caller's tokens."""

    required_scopes: ClassVar[dict[str, str]] = {"DELETE": SESSION_ONLY}

    @extend_schema(
        operation_id="tokens_revoke", request=None, responses={204: OpenApiResponse(description="Revoked.")}
    )
    def delete(self, request: Request, token_id: int) -> Response:
        tokens.revoke(self.caller(), token_id, self.now())
        return Response(status=204)
