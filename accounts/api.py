"""The API's view of the signed-in person."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.phones import mask


class MeSerializer(serializers.Serializer[User]):
    """Who I am; the phone only masked."""

    id = serializers.CharField(source="public_id")
    nickname = serializers.CharField()
    avatar = serializers.CharField()
    phone = serializers.SerializerMethodField()
    language = serializers.CharField()
    is_anchor = serializers.BooleanField()
    is_newcomer = serializers.SerializerMethodField()

    def get_phone(self, user: User) -> str:
        return mask(user.phone)

    def get_is_newcomer(self, user: User) -> bool:
        return user.first_paid_at is None


class MeView(APIView):
    """The signed-in person."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(MeSerializer(cast(User, request.user)).data)
