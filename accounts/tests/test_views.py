import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from PIL import Image

from accounts import addresses, people
from accounts.models import Address, AuditEntry, Farewell, User
from accounts.phones import mask
from liveshop.refusals import Code, Refused
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = ["/me", "/me/profile", "/me/password", "/me/addresses", "/me/privacy", "/me/privacy/export", "/accounts/phone/change/"]
POSTS = ["/me/become-anchor", "/me/privacy/log-out-everywhere", "/me/profile", "/me/addresses", "/me/password"]
HOME = {
    "name": "林小满", "phone": "138 1234 5678", "province": "陕西省", "city": "延安市", "district": "洛川县", "detail": "苹果大道 8 号",
}  # fmt: skip


@pytest.fixture
def me(client: Client, viewer: User) -> Client:
    client.force_login(viewer)
    return client


def add(user: User, **fields: Any) -> Address:
    return addresses.save(user=user, **{**HOME, "phone": "+8613812345678", **fields})


class TestOutsiders:
    @pytest.mark.parametrize("page", PAGES)
    def test_a_guest_is_sent_to_sign_in_and_back(self, client: Client, page: str) -> None:
        answer = client.get(page)
        assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={page}")

    @pytest.mark.parametrize("page", POSTS)
    def test_a_guest_changes_nothing(self, client: Client, viewer: User, page: str) -> None:
        assert client.post(page, HOME | {"nickname": "贼"}).status_code == 302
        viewer.refresh_from_db()
        assert (viewer.nickname, viewer.is_anchor, viewer.session_epoch, Address.objects.count()) == ("小满", False, 0, 0)

    @pytest.mark.parametrize("action", ["save", "delete", "default"])
    def test_somebody_elses_address_does_not_exist(self, me: Client, action: str) -> None:
        owner = cast.make_user()
        add(owner)
        hers = add(owner, name="第二个")
        assert me.get(f"/me/addresses/{hers.public_id}").status_code == 404
        assert me.post(f"/me/addresses/{hers.public_id}", HOME | {"action": action}).status_code == 404
        hers.refresh_from_db()
        assert (hers.name, hers.is_default) == ("第二个", False)

    @pytest.mark.parametrize("page", PAGES)
    def test_the_owner_sees_it(self, me: Client, page: str) -> None:
        assert me.get(page).status_code == 200

    def test_the_api_tells_who_i_am_with_a_masked_phone(self, client: Client, viewer: User) -> None:
        assert client.get("/api/me").status_code == 403
        client.force_login(viewer)
        told = client.get("/api/me").json()
        assert (told["nickname"], told["phone"], told["is_newcomer"]) == ("小满", mask(viewer.phone), True)
        assert "id" in told
        assert told["id"] == viewer.public_id

    def test_the_schema_is_whole(self, client: Client) -> None:
        assert "/api/me" in client.get("/api/schema", headers={"accept": "application/json"}).json()["paths"]


class TestProfile:
    def save(self, me: Client, **fields: Any) -> Any:
        return me.post("/me/profile", {"nickname": "小满", "bio": "爱吃苹果", "avatar": "img/avatars/1f34e.webp"} | fields)

    def test_it_saves_name_line_and_picture(self, me: Client, viewer: User) -> None:
        assert self.save(me, nickname="小满满").status_code == 302
        viewer.refresh_from_db()
        assert (viewer.nickname, viewer.bio, viewer.avatar) == ("小满满", "爱吃苹果", "img/avatars/1f34e.webp")

    @pytest.mark.parametrize(
        "fields", [{"nickname": "官方"}, {"nickname": ""}, {"avatar": "../../etc/passwd"}, {"avatar": "https://x/y.png"}]
    )
    def test_a_bad_value_saves_nothing(self, me: Client, viewer: User, fields: dict[str, str]) -> None:
        assert self.save(me, **fields).status_code == 422
        viewer.refresh_from_db()
        assert (viewer.nickname, viewer.bio, viewer.avatar) == ("小满", "", "")

    def test_a_photo_is_drawn_again_small_and_square(self, me: Client, viewer: User, settings: Any, tmp_path: Path) -> None:
        settings.MEDIA_ROOT = tmp_path
        photo = BytesIO()
        exif = Image.Exif()
        exif[0x010E] = "my home address"
        Image.new("RGB", (900, 600), "red").save(photo, "JPEG", exif=exif)
        photo.seek(0)
        photo.name = "../../evil.php.jpg"
        assert self.save(me, upload=photo).status_code == 302
        viewer.refresh_from_db()
        [stored] = (tmp_path / "avatars").iterdir()
        assert viewer.avatar == f"media:avatars/{stored.name}"
        with Image.open(stored) as drawn:
            assert (drawn.size, drawn.format, dict(drawn.getexif())) == ((256, 256), "WEBP", {})

    @pytest.mark.parametrize(
        "content", [b"<svg onload=alert(1)>", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"0" * 99, b"x" * (5 * 1024 * 1024 + 1)]
    )
    def test_what_is_no_picture_is_refused(self, me: Client, viewer: User, settings: Any, tmp_path: Path, content: bytes) -> None:
        settings.MEDIA_ROOT = tmp_path
        upload = BytesIO(content)
        upload.name = "a.png"
        assert self.save(me, upload=upload).status_code == 422
        viewer.refresh_from_db()
        assert (viewer.avatar, list(tmp_path.iterdir())) == ("", [])


class TestAddresses:
    def test_the_first_is_the_default_and_the_phone_is_kept_in_one_form(self, me: Client, viewer: User) -> None:
        assert me.post("/me/addresses", HOME)["Location"] == "/me/addresses"
        saved = viewer.addresses.get()
        assert (saved.phone, saved.is_default) == ("+8613812345678", True)
        page = me.get("/me/addresses").content.decode()
        assert "138****5678" in page
        assert "13812345678" not in page

    @pytest.mark.parametrize("fields", [{"phone": "123"}, {"name": ""}, {"province": ""}, {"detail": ""}, {"name": "x" * 33}])
    def test_an_incomplete_one_is_refused(self, me: Client, fields: dict[str, str]) -> None:
        assert me.post("/me/addresses", HOME | fields).status_code == 422
        assert not Address.objects.exists()

    def test_there_is_always_exactly_one_default(self, me: Client, viewer: User) -> None:
        first, second = add(viewer), add(viewer, name="公司")
        me.post(f"/me/addresses/{second.public_id}", {"action": "default"})
        assert addresses.default_of(viewer) == second
        me.post(f"/me/addresses/{second.public_id}", {"action": "delete"})
        assert list(viewer.addresses.values_list("pk", "is_default")) == [(first.pk, True)]
        third = add(viewer, is_default=True)
        assert viewer.addresses.filter(is_default=True).get() == third

    def test_a_checkout_gets_it_back_at_once(self, me: Client, viewer: User) -> None:
        answer = me.post("/me/addresses", HOME | {"next": "/checkout?sku=abc"})
        assert answer["Location"] == f"/checkout?sku=abc&address={viewer.addresses.get().public_id}"
        assert me.post("/me/addresses", HOME | {"next": "https://evil.example/"})["Location"] == "/me/addresses"

    def test_the_fragment_is_a_form_only(self, me: Client) -> None:
        text = me.get("/me/addresses", headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in text
        assert 'name="province"' in text

    def test_the_twenty_first_is_refused(self, viewer: User) -> None:
        Address.objects.bulk_create(Address(user=viewer, **HOME) for _ in range(addresses.MOST))
        with pytest.raises(Refused) as refused:
            add(viewer)
        assert refused.value.code is Code.INVALID
        assert viewer.addresses.count() == addresses.MOST


class TestPassword:
    def test_the_old_one_must_be_known(self, me: Client, viewer: User) -> None:
        new = {"password1": "brand-new-pass-7", "password2": "brand-new-pass-7"}
        assert me.post("/me/password", new | {"oldpassword": "wrong"}).status_code == 422
        assert me.post("/me/password", new | {"oldpassword": "test-pass-123"}).status_code == 302
        viewer.refresh_from_db()
        assert viewer.check_password("brand-new-pass-7")
        assert me.get("/me").status_code == 200  # this session goes on, all others ended with the password

    def test_other_sessions_end(self, me: Client, viewer: User) -> None:
        other = Client()
        other.force_login(viewer)
        me.post("/me/password", {"password1": "brand-new-pass-7", "password2": "brand-new-pass-7", "oldpassword": "test-pass-123"})
        assert other.get("/me").status_code == 302
        notice = Farewell.objects.get().notice
        assert (notice["user"], notice["reason"]) == (viewer.public_id, "changed"), "sockets end, too"
        assert AuditEntry.objects.filter(action="user.set_password", actor=viewer).count() == 1


class TestPrivacy:
    def test_logging_out_everywhere_ends_every_session(self, me: Client, viewer: User) -> None:
        other = Client()
        other.force_login(viewer)
        assert me.post("/me/privacy/log-out-everywhere").status_code == 302
        assert {client.get("/me").status_code for client in (me, other)} == {302}
        assert AuditEntry.objects.get().action == "user.log_out_everywhere"

    def test_the_export_is_everything_of_mine_and_nothing_of_others(self, me: Client, viewer: User) -> None:
        add(viewer)
        add(cast.make_user("别人"), name="别人家")
        people.rename(user=viewer, nickname="小满满")
        text = me.get("/me/privacy/export").content.decode()
        data = json.loads(text)
        assert (data["profile"]["phone"], data["addresses"][0]["name"]) == (viewer.phone, "林小满")
        assert data["changes"][0]["after"] == {"nickname": "小满满"}
        assert "别人" not in text
        assert "pbkdf2" not in text

    def test_looking_at_the_anchors_door_makes_no_anchor(self, me: Client, viewer: User) -> None:
        assert me.get("/me/become-anchor").headers["Location"] == "/me"
        viewer.refresh_from_db()
        assert not viewer.is_anchor

    def test_becoming_an_anchor_is_audited_once(self, me: Client, viewer: User) -> None:
        for _ in range(2):
            me.post("/me/become-anchor")
        viewer.refresh_from_db()
        assert (viewer.is_anchor, AuditEntry.objects.filter(action="user.become_anchor").count()) == (True, 1)
