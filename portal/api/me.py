"""Who calls: the user, what they belong to, and what their token may do."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.models import Team
from portal.api.own_tokens import TokenSerializer
from portal.api.permissions import ANY_TOKEN
from portal.models import ApiToken
from provisioner import selectors
from provisioner.api.serializers.base import RefSerializer, TargetField
from provisioner.api.view import ApiView


class CallerSerializer(serializers.Serializer[Any]):
    """The caller."""

    target = TargetField()
    username = serializers.CharField(read_only=True)
    email = serializers.CharField(read_only=True)
    teams = RefSerializer(many=True, read_only=True)
    groups = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Those that approval steps may ask."
    )
    token = serializers.SerializerMethodField(help_text="The token of the call; null for a session.")

    @extend_schema_field(TokenSerializer(allow_null=True))
    def get_token(self, caller: dict[str, Any]) -> Any:
        token = caller["token"]
        return TokenSerializer(token).data if isinstance(token, ApiToken) else None


class Me(ApiView):
    """Who calls, so that a client can check its token and say what it may do."""

    required_scopes: ClassVar[dict[str, str]] = {"GET": ANY_TOKEN}
    serializer_class = CallerSerializer

    @extend_schema(operation_id="me_retrieve")
    def get(self, request: Request) -> Response:
        user = self.caller()
        return Response(
            self.get_serializer(
                {
                    "username": user.get_username(),
                    "email": user.email,
                    "teams": Team.objects.filter(members=user).order_by("slug"),
                    "groups": sorted(selectors.groups_of(user)),
                    "token": request.auth,
                }
            ).data
        )
