"""A collection moves to another space: nothing acknowledged is lost, nothing deleted comes back."""

import io
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import embedstore
from embedstore import Item, Query, copying, re_embedding, reading
from embedstore.calibration import calibrate
from embedstore.encoders import load
from embedstore.encoders.toy import ToyEncoder
from embedstore.errors import Conflict, Invalid, Moved, NotFound, StorageFull


class Other(ToyEncoder):
    """Toy turned round: the same neighbours, in another space."""

    def __init__(self, name: str = "other", turn: int = 1) -> None:
        super().__init__()
        self.space = replace(self.space, encoder=name, weights=name)
        self.turn = turn
        self.encoded = 0

    def encode_texts(self, texts):
        self.encoded += len(texts)
        return np.roll(super().encode_texts(texts), self.turn, axis=1)

    def encode_images(self, images):
        self.encoded += len(images)
        return np.roll(super().encode_images(images), self.turn, axis=1)


@pytest.fixture
def other(monkeypatch) -> Other:
    made = Other()
    known = {"other": made, "toy": load("toy")}
    monkeypatch.setattr(reading.encoders, "load", lambda name: known[name])
    return made


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request, tmp_path):
    """Open the same store as often as wanted, as other processes do."""
    stores = []
    if request.param == "sqlite":
        place, options = tmp_path / "store", {}
    else:
        import psycopg

        place = request.getfixturevalue("postgresql_url")
        options = {"folder": tmp_path / "index-files"}
        with psycopg.connect(place) as connection:
            connection.execute("DROP SCHEMA IF EXISTS embedstore CASCADE")

    def again():
        stores.append(embedstore.open(place, **options))
        return stores[-1]

    yield again
    for store in stores:
        store.close()


def jpeg(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def filled(store, picture, name="photos"):
    made = store.create(name, "toy", prompts=("a {}", "{}"))
    made.add(
        [
            Item("file", picture("file.jpg", "red"), ("a red square", "crimson"), {"n": 1}),
            Item("kept", jpeg("blue"), (), {"n": 2}),
            *(Item(f"word {n}", texts=(f"word {n}",), meta={"n": n}) for n in range(3, 9)),
        ]
    )
    made.add([Item("word 3", texts=("another three",), meta={"late": True})])
    made.delete(["word 4"])
    return made


def content(store, name="photos") -> dict:
    """What a collection holds, but for its vectors."""
    info = store.catalog.describe(name)
    page = store.catalog.page(info.id, 0, 1_000)
    kept = {
        item.key: store.catalog.original(info.id, item.key)
        for item in page.values()
        if item.image is not None
    }
    return {item.key: (item.texts, dict(item.meta), kept.get(item.key)) for item in page.values()}


def check_vectors(store, encoder, name="photos") -> None:
    """Every stored vector is what the encoder makes of its item's text."""
    info = store.catalog.describe(name)
    assert info.space.fingerprint == encoder.space.fingerprint
    _, rows, vectors = store.catalog.scan(info.id, "text")
    items = store.catalog.items(info.id, rows.tolist())
    texts = [text for row in dict.fromkeys(rows.tolist()) for text in items[row].texts]
    np.testing.assert_allclose(vectors, encoder.encode_texts(texts), atol=1e-3)


def hidden(store) -> list[str]:
    with store.catalog._database.snapshot() as connection:
        names = connection.exec_driver_sql("SELECT name FROM collections").scalars()
        return [name for name in names if name.startswith("~")]


def test_everything_but_the_vectors_is_as_before(opened, picture, other):
    store = opened()
    filled(store, picture)
    held, counted = content(store), store.catalog.count(1)
    found = [hit.item.key for hit in store.collection("photos").search("red", k=8, target="both")]
    report = embedstore.re_embed(store, "photos", other, workers=0)
    assert (report.switched, report.copied, report.items) == (True, 7, 7)
    again = opened()
    for seen in (store, again):
        moved = seen.collection("photos")
        assert content(seen) == held
        assert seen.catalog.count(moved.info.id) == counted
        assert moved.describe()["prompts"] == ["a {}", "{}"]
        assert [hit.item.key for hit in moved.search("red", k=8, target="both")] == found
        assert [each.name for each in seen.collections()] == ["photos"]
    check_vectors(again, other)
    assert hidden(store) == []
    assert len(list((store.folder / "index").iterdir())) == 1


def test_what_was_measured_in_the_old_space_is_not_carried_over(opened, picture, other):
    store = opened()
    made = filled(store, picture)
    store.catalog.set_bank(made.info.id, load("toy").encode_texts(["a query"]), 0.5)
    store.catalog.change_options(made.info, lambda kept: {**kept, "expand": True})
    report = embedstore.re_embed(store, "photos", other, workers=0)
    moved = store.catalog.describe("photos")
    assert report.calibrated
    assert moved.options == {"prompts": ["a {}", "{}"]}
    assert store.catalog.bank(moved.id) is None


def test_index_files_are_built_before_the_switch(opened, picture, other):
    store = opened()
    filled(store, picture)
    embedstore.re_embed(store, "photos", other, workers=0)
    indices = opened().collection("photos").indices
    assert {each["tail"] for each in indices.describe().values()} == {0}
    assert indices.describe()["text"]["published"] == 7


def test_the_old_one_is_kept_when_asked_and_lives_on(opened, picture, other):
    store = opened()
    old = filled(store, picture)
    old.rebuild()
    before = [(hit.item.key, round(hit.score, 4)) for hit in old.search("red", target="text")]
    report = embedstore.re_embed(store, "photos", other, keep="before", workers=0)
    assert report.kept == "before"
    kept = store.collection("before")
    assert [(h.item.key, round(h.score, 4)) for h in kept.search("red", target="text")] == before
    assert kept.indices.describe()["text"]["published"] == 7
    kept.add([Item("only there", texts=("only there",))])
    assert "only there" not in content(store)
    assert embedstore.re_embed(store, "before", other, workers=0).switched
    store.drop("before")
    assert len(list((store.folder / "index").iterdir())) == 1


def test_a_name_that_cannot_be_kept_is_told_first(opened, picture, other):
    store = opened()
    filled(store, picture)
    store.create("taken", "toy")
    with pytest.raises(Conflict, match="'taken' exists"):
        embedstore.re_embed(store, "photos", other, keep="taken")
    with pytest.raises(Invalid, match="not allowed"):
        embedstore.re_embed(store, "photos", other, keep="~odd")
    assert other.encoded == 0
    assert hidden(store) == []


def test_the_same_space_is_nothing_to_do(opened, picture, other):
    store = opened()
    filled(store, picture)
    embedstore.re_embed(store, "photos", other, workers=0)
    encoded = other.encoded
    moved = Other()
    moved.space = replace(moved.space, encoder="/elsewhere")
    report = embedstore.re_embed(store, "photos", moved, keep="unused")
    assert (report.needless, report.switched, report.kept) == (True, False, None)
    assert (other.encoded, moved.encoded) == (encoded, 0)
    assert store.catalog.describe("photos").space.encoder == "/elsewhere"


def test_what_others_change_meanwhile_is_there_afterwards(opened, picture, other, monkeypatch):
    monkeypatch.setattr(copying, "BATCH", 2)
    store, elsewhere = opened(), opened()
    filled(store, picture)
    there = elsewhere.collection("photos")
    turns = iter(
        [
            lambda: there.add([Item("new", texts=("brand new",))]),
            lambda: there.add([Item("file", texts=("no picture any more",))]),
            lambda: (there.delete(["kept", "word 8"]), there.compact()),
            lambda: there.add([Item("kept", jpeg("green"))]),
            lambda: there.delete(["new"]),
        ]
    )

    def meanwhile(done, total, rate):
        next(turns, lambda: None)()

    embedstore.re_embed(store, "photos", other, workers=0, progress=meanwhile)
    assert next(turns, None) is None
    held = content(store)
    assert set(held) == {"file", "kept", "word 3", "word 5", "word 6", "word 7"}
    assert held["file"] == (("no picture any more",), {}, None)
    assert held["kept"][2] == ("image/jpeg", jpeg("green"))
    check_vectors(store, other)


def test_what_is_committed_in_the_last_moment_is_there_afterwards(
    opened, picture, other, monkeypatch
):
    store, there = opened(), opened()
    filled(store, picture)
    last = there.collection("photos")
    turns = iter(
        [
            lambda: last.add([Item("late", texts=("just in time",))]),
            lambda: last.add([Item("word 5", texts=("another five",))]),
            lambda: last.delete(["word 6", "kept"]),
            lambda: (last.delete(["word 7"]), last.compact()),
        ]
    )
    real = store.catalog.succeed

    def late(*asked):
        next(turns, lambda: None)()
        return real(*asked)

    monkeypatch.setattr(store.catalog, "succeed", late)
    assert embedstore.re_embed(store, "photos", other, workers=0).switched
    assert next(turns, None) is None
    held = content(store)
    assert set(held) == {"file", "word 3", "word 5", "word 8", "late"}
    assert held["word 5"][0] == ("another five",)
    check_vectors(store, other)


def do(made, truth: dict[str, str], step) -> None:
    """Change a collection, and what it should hold."""
    kind, keys = step
    if kind == "put":
        words = {key: f"{key} {made.describe()['seq']}" for key in keys}
        made.add(Item(key, texts=(text,)) for key, text in words.items())
        truth.update(words)
    elif kind == "delete":
        made.delete(keys)
        for key in keys:
            truth.pop(key, None)
    else:
        made.catalog.purge(made.info.id, made.catalog.seq(made.info.id)[0])


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "purge"]),
        st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True),
    ),
    max_size=10,
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=STEPS, meanwhile=STEPS, size=st.integers(1, 4), stopped=st.booleans())
def test_whatever_is_done_before_and_meanwhile_the_new_one_holds_the_truth(
    before, meanwhile, size, stopped, tmp_path_factory, monkeypatch
):
    monkeypatch.setattr(copying, "BATCH", size)
    other = Other()
    with embedstore.open(tmp_path_factory.mktemp("law")) as store:
        made = store.create("photos", "toy")
        truth: dict[str, str] = {}
        for step in before:
            do(made, truth, step)
        waiting = iter(meanwhile)

        def progress(done, total, rate):
            for step in waiting:
                do(made, truth, step)
                if stopped:
                    raise KeyboardInterrupt
                break

        switched = False
        while not switched:
            with suppress(KeyboardInterrupt):
                switched = embedstore.re_embed(
                    store, "photos", other, workers=0, progress=progress
                ).switched
        assert {key: held[0][0] for key, held in content(store).items()} == truth
        check_vectors(store, other)
        assert hidden(store) == []


def test_an_interrupted_run_goes_on_where_it_stopped(opened, picture, other, monkeypatch):
    monkeypatch.setattr(copying, "BATCH", 2)
    store = opened()
    filled(store, picture)

    def stop(done, total, rate):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedstore.re_embed(store, "photos", other, workers=0, progress=stop)
    assert store.catalog.describe("photos").space.encoder == "toy"
    assert store.collection("photos").search("red", k=1)[0].item.key == "file"
    assert len(hidden(store)) == 1
    encoded = other.encoded
    seen = []
    report = embedstore.re_embed(
        opened(), "photos", other, workers=0, progress=lambda *told: seen.append(told[:2])
    )
    assert (report.switched, report.copied) == (True, 3)
    assert other.encoded == encoded + 3
    assert seen[-1] == (7, 7)


def test_an_encoder_chosen_later_wins(opened, picture, other, monkeypatch):
    monkeypatch.setattr(copying, "BATCH", 2)
    store = opened()
    filled(store, picture)

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedstore.re_embed(store, "photos", Other("third", 3), workers=0, progress=stop)
    assert embedstore.re_embed(store, "photos", other, workers=0).switched
    check_vectors(store, other)
    assert hidden(store) == []
    with pytest.raises(KeyboardInterrupt):
        embedstore.re_embed(store, "photos", Other("third", 3), workers=0, progress=stop)
    assert embedstore.re_embed(store, "photos", other).needless
    assert hidden(store) == []
    with pytest.raises(KeyboardInterrupt):
        embedstore.re_embed(store, "photos", Other("third", 3), workers=0, progress=stop)
    store.drop("photos")
    assert hidden(store) == []


def test_a_second_worker_takes_over_and_the_first_stops(opened, picture, other, monkeypatch):
    monkeypatch.setattr(copying, "BATCH", 2)
    store, elsewhere = opened(), opened()
    filled(store, picture)
    held, reports = content(store), []

    def second(*_):
        if not reports:
            reports.append(embedstore.re_embed(elsewhere, "photos", Other(), workers=0))

    with pytest.raises(Conflict, match="another run of re-embed took 'photos' over"):
        embedstore.re_embed(store, "photos", other, workers=0, progress=second)
    assert reports[0].switched
    assert content(store) == held
    check_vectors(store, other)
    assert hidden(store) == []


def test_vectors_given_ready_made_are_told_before_anything_is_done(opened, picture, other):
    store = opened()
    made = filled(store, picture)
    vectors = load("toy").encode_texts(["one", "two"])
    made.add_vectors([Item("made 1"), Item("made 2")], image=vectors)
    made.add_vectors([Item("shown", texts=("has words",))], text=vectors[:1])
    with pytest.raises(Invalid, match=r"2 items .* 'made 1'.*--skip-without-source"):
        embedstore.re_embed(store, "photos", other, workers=0)
    assert (other.encoded, hidden(store)) == (0, [])
    report = embedstore.re_embed(store, "photos", other, skip_without_source=True, workers=0)
    assert (report.switched, report.left_out, report.failed) == (True, 2, [])
    assert "shown" in content(store)
    assert "made 1" not in content(store)


def test_captions_without_vectors_stay_without(opened, picture, other):
    store = opened()
    made = store.create("photos", "toy")
    vectors = load("toy").encode_images([_grey()])
    made.add_vectors([Item("p", picture("p.jpg"), ("a caption to show",))], image=vectors)
    embedstore.re_embed(store, "photos", other, workers=0)
    counted = store.catalog.count(store.catalog.describe("photos").id)
    assert counted == {"items": 1, "vectors": {"image": 1, "text": 0}}
    assert content(store)["p"][0] == ("a caption to show",)


def _grey() -> np.ndarray:
    return np.full((32, 32, 3), 128, np.uint8)


def test_lost_pictures_stop_the_switch_until_they_are_back(opened, picture, other):
    store = opened()
    made = filled(store, picture)
    lost = picture("lost.jpg", "green")
    made.add([Item("lost", lost), Item("broken", picture("broken.jpg"))])
    lost.rename(lost.with_suffix(".away"))
    Path(made.get("broken").image).write_text("no picture")
    report = embedstore.re_embed(store, "photos", other, keep="old", workers=0)
    assert (report.switched, report.kept, report.copied) == (False, None, 7)
    assert {failure.key for failure in report.failed} == {"lost", "broken"}
    assert store.catalog.describe("photos").space.encoder == "toy"
    lost.with_suffix(".away").rename(lost)
    encoded = other.encoded
    report = embedstore.re_embed(store, "photos", other, workers=0)
    assert [failure.key for failure in report.failed] == ["broken"]
    assert other.encoded == encoded + 1
    store.collection("photos").delete(["broken"])
    assert embedstore.re_embed(store, "photos", other, workers=0).switched
    assert store.collection("photos").describe()["quarantined"] == 0
    assert "lost" in content(store)


def test_lost_pictures_may_be_left_out_and_are_remembered(opened, picture, other):
    store = opened()
    made = filled(store, picture)
    made.add([Item("lost", picture("lost.jpg"))])
    (picture("lost.jpg")).unlink()
    report = embedstore.re_embed(store, "photos", other, allow_missing=True, workers=2)
    assert report.switched
    assert [failure.key for failure in report.failed] == ["lost"]
    moved = store.collection("photos")
    assert [each.key for each in store.catalog.quarantine(moved.info.id)] == ["lost"]
    assert "lost" not in content(store)


def test_the_next_index_run_encodes_nothing(opened, picture, other):
    store = opened()
    for colour in ("red", "blue", "green"):
        picture(f"{colour}.jpg", colour)
    album = picture("red.jpg", "red").parent
    (album / "bad.jpg").write_text("no picture")
    made = store.create("photos", "toy")
    embedstore.index(made, album, workers=0)

    def touch(*_):  # indexed again meanwhile, after a file got a new time and the same content
        (album / "blue.jpg").touch()
        embedstore.index(made, album, workers=0)

    embedstore.re_embed(store, "photos", other, workers=0, progress=touch)
    encoded = other.encoded
    moved = store.collection("photos")
    report = embedstore.index(moved, album, workers=0)
    assert (report.unchanged, report.added, report.replaced, report.removed) == (3, 0, 0, 0)
    assert (len(report.failed), other.encoded) == (1, encoded)
    assert moved.describe()["quarantined"] == 1
    second = album.parent / "second" / "pictures"
    shutil.copytree(album, second)
    with pytest.raises(Conflict, match="--prefix"):
        embedstore.index(moved, second, workers=0)


def test_an_object_opened_before_refuses_and_a_new_one_answers(opened, picture, other):
    store, elsewhere = opened(), opened()
    filled(store, picture)
    stale = elsewhere.collection("photos")
    assert stale.search("red", k=1)
    seq = stale.describe()["seq"]
    embedstore.re_embed(store, "photos", other, keep="before", workers=0)
    vectors = load("toy").encode_texts(["one"])
    for ask in (
        lambda: stale.search("red"),
        lambda: stale.search(Query(like="file")),
        lambda: stale.get("file"),
        lambda: stale.thumbnail("file", 16),
        lambda: stale.delete(["file"]),
        lambda: stale.add([Item("late", texts=("late",))]),
        lambda: stale.add_vectors([Item("late")], image=vectors),
        stale.describe,
        stale.rebuild,
        stale.compact,
    ):
        with pytest.raises(Moved, match="'photos' was re-embedded"):
            ask()
    assert store.catalog.describe("before").seq == seq
    assert elsewhere.collection("photos").search("red", k=1)[0].item.key == "file"
    store.drop("photos")
    with pytest.raises(NotFound, match="no collection 'photos'"):
        stale.search("red")
    with pytest.raises(NotFound):
        elsewhere.collection("photos")


def test_a_write_that_meets_the_switch_is_refused_whole(opened, picture, other, monkeypatch):
    store, elsewhere = opened(), opened()
    filled(store, picture)
    late = elsewhere.collection("photos")
    real = late.catalog.check_opened
    embed = iter([lambda: embedstore.re_embed(store, "photos", other, keep="before", workers=0)])

    def checked(info):
        real(info)
        next(embed, lambda: None)()  # the names change between the check and the commit

    monkeypatch.setattr(late.catalog, "check_opened", checked)
    with pytest.raises(Moved):
        late.add([Item("late", texts=("late",))])
    assert "late" not in content(store)
    assert "late" not in content(store, "before")


def test_too_little_room_is_told_before_the_work(tmp_path, picture, other, monkeypatch):
    with embedstore.open(tmp_path / "store") as store:
        filled(store, picture)
        assert re_embedding.disk_need(store, "photos", 128) > 9 * 128 * 2
        full = shutil.disk_usage(tmp_path)._replace(free=100)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
        with pytest.raises(StorageFull, match="MiB free"):
            embedstore.re_embed(store, "photos", other, workers=0)
        assert other.encoded == 0
        assert store.collection("photos").search("red", k=1)


def test_what_a_killed_run_left_behind_goes_with_compact(tmp_path, picture, other, monkeypatch):
    with embedstore.open(tmp_path / "store") as store:
        filled(store, picture).rebuild()
        monkeypatch.setattr(re_embedding, "_sweep", lambda _: None)
        embedstore.re_embed(store, "photos", other, workers=0)
        assert hidden(store) == ["~retired~1"]
        store.collection("photos").compact()
        assert hidden(store) == []
        assert [path.name for path in (store.folder / "index").iterdir()] == ["photos-2"]


def stopped_half_way(store, encoder, monkeypatch) -> None:
    """Begin to move a collection, and stop before the change of names."""

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(store.catalog, "succeed", stop)
        embedstore.re_embed(store, "photos", encoder, workers=0)


def test_compact_removes_deleted_items_from_an_unfinished_run_too(
    opened, picture, other, monkeypatch
):
    store = opened()
    made = filled(store, picture)
    stopped_half_way(store, other, monkeypatch)
    heir = store.catalog.heir(made.info, other.space)
    assert store.catalog.count(heir.id)["items"] == 7
    made.delete(["word 5"])
    made.add([Item("word 6", texts=("another six",)), Item("kept", jpeg("green"), (), {"n": 2})])
    made.compact()
    held = store.catalog.page(heir.id, 0, 100)
    assert {item.key for item in held.values()} == {"file", "word 3", "word 7", "word 8"}
    encoded = other.encoded
    truth = content(store)
    assert embedstore.re_embed(store, "photos", other, workers=0).switched
    assert other.encoded == encoded + 2
    assert content(store) == truth
    check_vectors(store, other)


def test_compact_leaves_a_new_space_alone_once_it_is_in_force(opened, picture, other):
    store = opened()
    old = filled(store, picture).info
    embedstore.re_embed(store, "photos", other, workers=0, keep="before")
    store.collection("before").delete(["word 5"])
    store.collection("before").compact()
    store.catalog.prune_heirs(old.id)
    assert "word 5" in content(store)


def test_drop_removes_the_files_of_an_unfinished_run(opened, picture, other, monkeypatch):
    store = opened()
    filled(store, picture).rebuild()
    stopped_half_way(store, other, monkeypatch)
    assert len(list((store.folder / "index").iterdir())) == 2
    store.drop("photos")
    assert list((store.folder / "index").iterdir()) == []


def test_a_drop_that_meets_the_switch_leaves_what_is_kept(opened, picture, other, monkeypatch):
    store, elsewhere = opened(), opened()
    filled(store, picture)
    real = store.catalog.describe

    def late(name):
        info = real(name)
        if info.space.encoder == "toy":
            embedstore.re_embed(elsewhere, "photos", other, keep="before", workers=0)
        return info

    store.collection("photos")
    monkeypatch.setattr(store.catalog, "describe", late)
    with pytest.raises(NotFound, match="another name"):
        store.drop("photos")
    assert content(elsewhere, "before") == content(elsewhere)


def test_a_run_that_begins_at_the_switch_leaves_nothing_behind(opened, picture, other, monkeypatch):
    store, elsewhere = opened(), opened()
    filled(store, picture)
    real = store.catalog.heir

    def late(old, space):
        embedstore.re_embed(elsewhere, "photos", Other("third", 3), workers=0)
        return real(old, space)

    monkeypatch.setattr(store.catalog, "heir", late)
    with pytest.raises(Conflict, match="another run"):
        embedstore.re_embed(store, "photos", other, workers=0)
    assert hidden(store) == []


def test_a_picture_that_comes_back_is_indexed(opened, picture, other):
    store = opened()
    album = picture("red.jpg", "red").parent
    lost = picture("blue.jpg", "blue")
    embedstore.index(store.create("photos", "toy"), album, workers=0)
    lost.rename(album.parent / "away.jpg")
    embedstore.re_embed(store, "photos", other, allow_missing=True, workers=0)
    (album.parent / "away.jpg").rename(lost)
    report = embedstore.index(store.collection("photos"), album, workers=0)
    assert (report.added, report.failed) == (1, [])
    assert store.collection("photos").describe()["quarantined"] == 0


def test_a_corpus_claimed_at_the_switch_is_refused(opened, picture, other, monkeypatch):
    store, elsewhere = opened(), opened()
    filled(store, picture)
    late = elsewhere.collection("photos")
    real = elsewhere.catalog.change_options

    def moved(info, change):
        embedstore.re_embed(store, "photos", other, keep="before", workers=0)
        return real(info, change)

    monkeypatch.setattr(elsewhere.catalog, "change_options", moved)
    with pytest.raises(Moved):
        embedstore.index(late, picture("a.jpg").parent, workers=0)
    assert {"corpora" in each.options for each in store.collections()} == {False}


def test_a_calibration_that_meets_the_switch_is_refused(opened, picture, other, monkeypatch):
    store, elsewhere = opened(), opened()
    filled(store, picture)
    late = elsewhere.collection("photos")
    info, real = late.info, elsewhere.catalog.set_bank

    def moved(*asked, **more):
        name = real(*asked, **more)
        embedstore.re_embed(store, "photos", other, keep="before", workers=0)
        return name

    monkeypatch.setattr(elsewhere.catalog, "set_bank", moved)
    queries = [f"query {number}" for number in range(100)]
    with pytest.raises(Moved):
        calibrate(late, queries, hubs="on", expand="on")
    assert late.info == info
    assert {"expand" in each.options for each in store.collections()} == {False}
