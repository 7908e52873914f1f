"""Recordings outlive a killed process; playlists name exactly what is there."""

import io
import json
from pathlib import Path

import pytest

from rooms.video import playlist, recording
from rooms.video.packager import Init, Output, Packager, Part
from rooms.video.playlist import Piece, Segment
from rooms.video.tests import encoder
from rooms.video.tests.test_media import pack, parts, units
from rooms.video.units import BadMedia

BEGAN = 1_700_000_000.0


def record(folder: Path, outputs: list[Output] | None = None) -> tuple[Path, list[Part]]:
    outputs = outputs or pack(units())
    assert isinstance(outputs[0], Init)
    writer = recording.Writer(folder / "show" / "one", outputs[0])
    for part in parts(outputs):
        writer.add(part, BEGAN + part.end_ms / 1000)
    writer.close()
    assert writer.duration_ms == pytest.approx(3000, abs=2)
    assert writer.size == writer.path.stat().st_size
    return writer.path, parts(outputs)


def test_a_recording_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path, written = record(tmp_path)
    index = recording.read(path)
    assert index.mime.startswith("video/mp4")
    assert [(entry.size, entry.is_key) for entry in index.entries] == [(len(part.data), part.is_key) for part in written]
    assert index.size == path.stat().st_size
    assert index.duration_ms == pytest.approx(3000, abs=2)
    assert encoder.decoded(path.read_bytes())[0] == 45


@pytest.mark.parametrize("cut", [1, 100, 3000, 12_000])
def test_a_torn_file_plays_up_to_its_last_whole_part(tmp_path: Path, cut: int) -> None:
    path, written = record(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    index = recording.read(path)
    assert 10 <= len(index.entries) < len(written)
    assert index.size <= len(data) - cut
    assert encoder.decoded(path.read_bytes()[: index.size])[0] == len(index.entries) * 3


def test_a_torn_index_is_completed_from_the_file(tmp_path: Path) -> None:
    path, _ = record(tmp_path)
    whole = recording.read(path)
    lines = recording.index_path(path)
    text = lines.read_text()
    lines.write_text(text[: len(text) - 70])
    index = recording.read(path)
    assert [(entry.offset, entry.size, entry.is_key) for entry in index.entries] == [
        (entry.offset, entry.size, entry.is_key) for entry in whole.entries
    ]
    assert index.entries[-1].wall == pytest.approx(whole.entries[-1].wall, abs=0.01)


def test_without_any_index_the_file_tells_all(tmp_path: Path) -> None:
    path, written = record(tmp_path)
    recording.index_path(path).unlink()
    index = recording.read(path)
    assert len(index.entries) == len(written)
    assert index.duration_ms == pytest.approx(3000, abs=10)


@pytest.mark.parametrize("line", ["[]", "[1,2,3]", "{}", '["a",1,2,3,4,5]', "[0,200,0,99999999,1,5.0]", "nonsense"])
def test_a_line_that_lies_is_not_believed(tmp_path: Path, line: str) -> None:
    path, written = record(tmp_path)
    lines = recording.index_path(path)
    kept = lines.read_text().splitlines()[:4]
    lines.write_text("\n".join([*kept, line]) + "\n")
    assert len(recording.read(path).entries) == len(written)


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(b"\x00\x00\x00\x10abcd" + bytes(100))
    with pytest.raises(BadMedia):
        recording.read(path)


def test_an_existing_recording_is_never_written_over(tmp_path: Path) -> None:
    record(tmp_path)
    with pytest.raises(FileExistsError):
        record(tmp_path)


def test_a_clip_begins_at_the_keyframe_before(tmp_path: Path) -> None:
    path, _ = record(tmp_path)
    index = recording.read(path)
    chosen = recording.between(index, BEGAN + 1.5, BEGAN + 2.3)
    assert (chosen[0].start_ms, chosen[0].is_key) == (1000, True)
    assert chosen[-1].end_ms == pytest.approx(2400, abs=2)
    assert recording.between(index, BEGAN + 50, BEGAN + 60) == []
    assert recording.between(index, BEGAN - 60, BEGAN - 50) == []
    data = path.read_bytes()
    clip = data[: index.init_size] + data[chosen[0].offset : chosen[-1].offset + chosen[-1].size]
    assert encoder.decoded(clip)[0] == 21


def test_the_replays_byte_ranges_are_whole_keyframe_groups(tmp_path: Path) -> None:
    path, _ = record(tmp_path)
    index, data = recording.read(path), path.read_bytes()
    text = playlist.recorded([Piece("/r/1.mp4", index.init_size, index.entries)])
    assert f'#EXT-X-MAP:URI="/r/1.mp4",BYTERANGE="{index.init_size}@0"' in text
    assert text.endswith("#EXT-X-ENDLIST\n")
    ranges = [line.split(":")[1].split("@") for line in text.splitlines() if line.startswith("#EXT-X-BYTERANGE")]
    assert len(ranges) == 3
    assert sum(int(size) for size, _ in ranges) == len(data) - index.init_size
    for size, offset in ranges:
        piece = data[: index.init_size] + data[int(offset) : int(offset) + int(size)]
        assert encoder.decoded(piece)[0] == 15


def test_a_live_playlist_marks_where_the_stream_began_again() -> None:
    segments = [Segment(7, 1, 1000, BEGAN), Segment(8, 1, 2040, BEGAN + 1), Segment(9, 2, 1000, BEGAN + 3)]
    assert playlist.live(segments, first_epoch=0).splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:3",
        "#EXT-X-MEDIA-SEQUENCE:7",
        "#EXT-X-DISCONTINUITY-SEQUENCE:0",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="i1.mp4"',
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z",
        "#EXTINF:1.000,",
        "s7.m4s",
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:21.000Z",
        "#EXTINF:2.040,",
        "s8.m4s",
        "#EXT-X-DISCONTINUITY",
        '#EXT-X-MAP:URI="i2.mp4"',
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:23.000Z",
        "#EXTINF:1.000,",
        "s9.m4s",
    ]
    assert "#EXT-X-ENDLIST" in playlist.live(segments, first_epoch=0, is_over=True)


def test_the_index_is_plain_text_that_other_tools_can_read(tmp_path: Path) -> None:
    path, _ = record(tmp_path)
    head, *rows = [json.loads(line) for line in io.StringIO(recording.index_path(path).read_text())]
    assert set(head) == {"mime", "init"}
    assert all(len(row) == 6 for row in rows)
    assert Packager().clock_ms == 0


def test_a_growing_recording_is_read_on_from_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = pack(units())
    assert isinstance(outputs[0], Init)
    writer = recording.Writer(tmp_path / "one", outputs[0])
    growing = recording.Growing(writer.path)
    lines: list[bytes] = []
    real = recording._entry
    monkeypatch.setattr(recording, "_entry", lambda line: lines.append(line) or real(line))
    found = []
    for part in parts(outputs):
        writer.add(part, BEGAN + part.end_ms / 1000)
        found.append(growing.read())
    writer.close()
    assert [len(index.entries) for index in found] == list(range(1, len(found) + 1)), "what was read before stays as it was"
    assert len(lines) == len(found), "each line once"
    assert found[-1] == recording.read(writer.path)
