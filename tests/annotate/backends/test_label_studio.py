"""The real Label Studio: pushing, collecting from two annotators, deletions, a server that dies during a push."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.annotate.backend import Task
from tasks.annotate.backends.label_studio import LabelStudio
from tasks.annotate.settings import LabelStudioSettings
from tasks.labels.formats.label_studio_results import as_results
from tasks.labels.ontology import Ontology
from tasks.labels.values import Value, as_text
from tasks.store.errors import UsageError, WinnowError
from tasks.store.root import Root, open_root
from tests.annotate.backends.label_server import INSTALLED, TOKEN, LabelServer, annotate, tasks_of
from tests.buckets import Buckets, spoiling
from tests.made import jpeg, photograph

pytestmark = pytest.mark.slow

SIZE = (640, 480)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelServer]:
    """A server, and a root with one handed-off image that it shows."""
    if not INSTALLED.exists():
        pytest.skip("no Label Studio here: `make label-studio` installs one")
    home = tmp_path_factory.mktemp("label-studio")
    root = open_root(home / "root", create=True)
    root.storage.write(root.at("handoff", "s", "images", "one.jpg"), jpeg(photograph(1)))
    started = LabelServer(home, home / "root")
    started.start()
    yield started
    started.kill()


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_LABEL_STUDIO_TOKEN", TOKEN)


def backend(server: LabelServer, root: Root | None = None, **settings: Any) -> LabelStudio:
    return LabelStudio(
        root or open_root(server.root), LabelStudioSettings.model_validate({"url": server.url} | settings)
    )


def ontology(name: str, **stated: Any) -> Ontology:
    plain = {"type": "class", "classes": ["dress", "hat", {"name": "shoes", "definition": "a <pair>"}]}
    return Ontology.model_validate({"name": name} | plain | stated)


def made_tasks(server: LabelServer, count: int, **more: Any) -> list[Task]:
    image = open_root(server.root).at("handoff", "s", "images", "one.jpg")
    told = {"prediction": {"probabilities": {"dress": 0.7, "hat": 0.3}}, "model_version": "m-1", **more}
    return [Task(f"{number:064x}", image, *SIZE, priority=number / count, **told) for number in range(count)]


def project_of(place: str) -> int:
    return int(place.rpartition("/")[2])


def test_150_tasks_pushed_once_30_annotated_by_two_people_and_one_taken_back(server: LabelServer) -> None:
    clothes, place = ontology("clothes"), backend(server, annotators=2)
    first = place.push(clothes, "label", made_tasks(server, 150))
    again = place.push(clothes, "label", made_tasks(server, 150))
    assert ((first.added, first.known), (again.added, again.known)) == ((150, 0), (0, 150))
    ann, bob = server.person(), server.invite("bob@example.org")
    there = tasks_of(ann, project_of(first.place))
    assert len(there) == 150
    assert there[0]["data"]["sample_id"] == f"{149:064x}"  # what is worth most comes first
    assert [(one["predictions"][0]["score"], one["predictions"][0]["model_version"]) for one in there] == [
        (0.7, "m-1")
    ] * 150
    assert ann.get(there[0]["data"]["image"]).content == (server.root / "handoff/s/images/one.jpg").read_bytes()
    begun = bob.get(f"/api/projects/{project_of(first.place)}/next").json()
    assert begun["predictions"][0]["result"] == as_results({"class": "dress"}, SIZE)  # a pre-label, not only a column

    for number, task in enumerate(there[:30]):
        annotate(ann, task["id"], as_results({"class": "dress"}, SIZE), lead_time=4.5)
        annotate(bob, task["id"], as_results({"class": "hat" if number % 3 else "dress"}, SIZE), lead_time=2)
    annotate(bob, there[40]["id"], [], was_cancelled=True)
    answers = list(place.collect(clothes, None))
    assert Counter(answer.annotator for answer in answers) == {"winnow@localhost": 30, "bob@example.org": 30}
    assert {answer.sample_id for answer in answers} == {task["data"]["sample_id"] for task in there[:30]}
    assert Counter((answer.annotator[:3], (answer.value or {})["class"], answer.seconds) for answer in answers) == {
        ("win", "dress", 4.5): 30, ("bob", "hat", 2): 20, ("bob", "dress", 2): 10,
    }  # fmt: skip
    known = {answer.reference for answer in answers}
    assert (len(known), place.deleted(clothes, known)) == (60, set())

    newest = max(answer.changed_at for answer in answers)
    eager = backend(server, overlap_s=0)
    assert [one.reference for one in eager.collect(clothes, newest + timedelta(microseconds=1))] == []
    gone, changed = tasks_of(bob, project_of(first.place))[3]["annotations"]
    bob.delete(f"/api/annotations/{gone['id']}/")
    ann.patch(f"/api/annotations/{changed['id']}/", json={"result": as_results({"answer": "unusable"}, SIZE)})
    later = list(eager.collect(clothes, newest + timedelta(microseconds=1)))
    assert [one.value for one in later] == [{"answer": "unusable"}]
    assert later[0].reference in known
    assert [reference.split("/")[2].split("@")[0] for reference in place.deleted(clothes, known)] == [str(gone["id"])]
    ann.delete(f"/api/projects/{project_of(first.place)}/")
    assert place.deleted(clothes, known) == set()


def test_killed_in_the_middle_of_pushes_no_task_is_there_twice_and_none_is_lost(server: LabelServer) -> None:
    killed, tasks = ontology("killed"), made_tasks(server, 600)
    hasty, patient = backend(server, patience_s=0), backend(server)
    project = project_of(hasty.push(killed, "label", tasks[:1]).place)

    def push(place: LabelStudio, count: int, ended: list[Any]) -> threading.Thread:
        def work() -> None:
            try:
                ended.append(place.push(killed, "label", tasks))
            except WinnowError as error:
                ended.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        with server.person() as person:
            while person.get(f"/api/projects/{project}/").json()["task_number"] < count:
                time.sleep(0.02)
        server.kill()
        return thread

    gave_up: list[Any] = []
    push(hasty, 100, gave_up).join(60)
    assert "does not answer" in str(gave_up[0])
    server.start()
    waited: list[Any] = []
    thread = push(patient, 300, waited)
    server.start()
    thread.join(180)
    assert waited[0].added + waited[0].known == 600
    assert waited[0].known >= 100
    again = patient.push(killed, "label", tasks)
    assert (again.added, again.known) == (0, 600)
    there = Counter(task["data"]["sample_id"] for task in tasks_of(server.person(), project))
    assert there == Counter(task.sample_id for task in tasks)


def test_lost_answers_and_faults_make_no_task_twice(server: LabelServer) -> None:
    spoilt, tasks = ontology("spoilt"), made_tasks(server, 120)
    with spoiling(("127.0.0.1", server.port)) as between:
        lost: Counter[str] = Counter()

        def lose(method: str, path: str) -> bool:
            lost[path] += method == "POST"
            return method == "POST" and lost[path] % 2 == 1

        between.faults.lose, between.faults.unavailable = lose, 0.2
        pushed = backend(server, url=between.url).push(spoilt, "label", tasks)
    assert sum(path.endswith("/import") for path in lost) == 1
    assert (pushed.added, pushed.known) == (120, 0)
    there = tasks_of(server.person(), project_of(pushed.place))
    assert sorted(task["data"]["sample_id"] for task in there) == [task.sample_id for task in tasks]


def test_a_task_that_is_there_twice_goes_if_nobody_worked_on_it(server: LabelServer) -> None:
    doubled, person, tasks = ontology("doubled"), server.person(), made_tasks(server, 3)
    project = project_of(backend(server).push(doubled, "label", tasks).place)
    copies = [{"data": task["data"]} for task in tasks_of(person, project)]
    person.post(f"/api/projects/{project}/import", json=copies)
    worked_on = tasks_of(person, project)[3]
    annotate(person, worked_on["id"], as_results({"class": "hat"}, SIZE))
    assert backend(server).push(doubled, "label", tasks).known == 3
    there = tasks_of(person, project)
    assert Counter(task["data"]["sample_id"] for task in there) == {
        task.sample_id: 2 if task.sample_id == worked_on["data"]["sample_id"] else 1 for task in tasks
    }
    assert worked_on["id"] in [task["id"] for task in there]


def test_a_project_changed_by_hand_is_read_as_far_as_it_is_ours(server: LabelServer) -> None:
    person, place = server.person(), backend(server)
    first = ontology("by-hand", attributes=[{"name": "colour", "values": ["red"]}])
    project = project_of(place.push(first, "label", made_tasks(server, 4)).place)
    person.post(
        f"/api/projects/{project}/import",
        json=[{"data": {"image": "/x.jpg"}}, {"data": {"image": "/y.jpg", "sample_id": 7}}],
    )
    ours = [task for task in tasks_of(person, project) if isinstance(task["data"].get("sample_id"), str)]
    annotate(person, ours[0]["id"], as_results({"class": "hat", "attributes": {"colour": "red"}}, SIZE))
    annotate(person, ours[1]["id"], as_results({"class": "sock"}, SIZE))
    annotate(person, ours[2]["id"], [])
    answers = {answer.sample_id: answer for answer in place.collect(first, None)}
    told = [answers[task["data"]["sample_id"]] for task in ours[:3]]
    hat = {"class": "hat", "attributes": {"colour": "red"}}
    assert [one.value for one in told] == [hat, {"class": "sock"}, None]
    assert [one.trouble for one in told] == [None, None, "nothing was answered"]
    assert place.foreign == 2

    second = ontology("by-hand", classes=["hat", "cap"])  # its attribute is retired, though it was used
    assert place.push(second, "label", made_tasks(server, 4)).known == 4
    page = person.get(f"/api/projects/{project}/").json()["label_config"]
    assert 'value="cap"' in page
    assert 'value="dress"' not in page
    assert place.push(second, "label", made_tasks(server, 4)).known == 4
    assert person.get(f"/api/projects/{project}/").json()["label_config"] == page


HAT: Value = {"class": "hat", "attributes": {"worn": True}}
RINGS = [[1.0, 2.0, 30.0, 4.0, 5.0, 60.0], [9.0, 9.0, 12.0, 9.0, 9.0, 12.0]]


def test_a_newer_model_gives_tasks_that_nobody_worked_on_other_pre_labels(server: LabelServer) -> None:
    person, place, models = server.person(), backend(server), ontology("models")
    project = project_of(place.push(models, "label", made_tasks(server, 3)).place)
    worked_on = tasks_of(person, project)[0]
    annotate(person, worked_on["id"], as_results({"class": "hat"}, SIZE))
    newer = made_tasks(server, 4, prediction={"class": "hat"}, model_version="m-2")
    for _ in range(2):
        place.push(models, "label", newer)
    there = {task["id"]: [one["model_version"] for one in task["predictions"]] for task in tasks_of(person, project)}
    assert there.pop(worked_on["id"]) == ["m-1"]
    assert sorted(sorted(versions) for versions in there.values()) == [["m-1", "m-2"], ["m-1", "m-2"], ["m-2"]]
    begun = person.get(f"/api/projects/{project}/next").json()
    assert [one["result"] for one in begun["predictions"]] == [as_results({"class": "hat"}, SIZE)]


SHAPES: list[tuple[str, Value]] = [
    ("multilabel", {"classes": ["dress", "hat"]}),
    ("boxes", {"boxes": [{**HAT, "x": 1.5, "y": 2.0, "width": 30.0, "height": 40.0}]}),
    ("masks", {"masks": [{**HAT, "polygons": RINGS}]}),
]


@pytest.mark.parametrize(("label_type", "value"), SHAPES)
def test_pre_labels_of_every_kind_are_accepted_and_come_back_and_blind_tasks_show_none(
    server: LabelServer, label_type: str, value: Value
) -> None:
    person, place = server.person(), backend(server)
    stated = {"type": label_type, "attributes": [{"name": "worn"}], "guideline": "Look & <see>", "version": 2}
    asked = ontology(f"all-{label_type}", **stated)
    tasks = made_tasks(server, 2, prediction=value, note="Is it a hat?")
    for purpose in ("label", "review", "blind", "relabel-2"):
        project = project_of(place.push(asked, purpose, tasks).place)
        there = tasks_of(person, project)
        assert len(there) == 2
        if purpose == "blind":
            assert [task["predictions"] for task in there] == [[], []]
            assert set(there[0]["data"]) == {"sample_id", "image", "width", "height"}
        else:
            annotate(person, there[0]["id"], there[0]["predictions"][0]["result"])
    answers = list(place.collect(asked, None))
    assert {(answer.purpose, as_text(answer.value or {})) for answer in answers} == {
        (purpose, as_text(value)) for purpose in ("label", "review", "relabel-2")
    }


def test_images_in_a_bucket_are_shown_by_links_that_the_server_signs(server: LabelServer, s3: Buckets) -> None:
    root = open_root(f"{s3.make()}/my data", create=True)
    image = root.at("handoff", "s", "images", "one.jpg")
    root.storage.write(image, jpeg(photograph(2)))
    pushed = backend(server, root).push(ontology("bucket"), "label", [Task("a" * 64, image, *SIZE)])
    with server.person() as person:
        task = tasks_of(person, project_of(pushed.place), resolve_uri="true")[0]
        shown = person.get(task["data"]["image"], follow_redirects=True)
    assert shown.content == root.storage.read(image)
    assert "X-Amz-Signature" in str(shown.url)


def test_what_the_server_cannot_read_or_who_it_does_not_know_is_one_sentence(
    server: LabelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = open_root(tmp_path / "elsewhere", create=True)
    task = Task("a" * 64, elsewhere.at("handoff", "s", "images", "one.jpg"), *SIZE)
    with pytest.raises(UsageError, match=r"does not exist.*make label-studio"):
        backend(server, elsewhere).push(ontology("elsewhere"), "label", [task])
    assert backend(server).check() == {"url": server.url, "version": "1.23.2", "user": "winnow@localhost"}
    monkeypatch.setenv("WINNOW_LABEL_STUDIO_TOKEN", "f" * 40)
    with pytest.raises(UsageError, match=r"refuses the token \(401: Invalid token"):
        backend(server).check()


def test_forget__tasks_and_answers_of_a_sample_go_in_every_project(server: LabelServer) -> None:
    kinds, place, made = ontology("forgetful"), backend(server), made_tasks(server, 60)
    projects = [project_of(place.push(kinds, purpose, made).place) for purpose in ("label", "review")]
    ann = server.person()
    first = next(task for task in tasks_of(ann, projects[0]) if task["data"]["sample_id"] == made[0].sample_id)
    annotate(ann, first["id"], as_results({"class": "dress"}, SIZE))
    gone = [task.sample_id for task in made[:55]]
    assert place.forget([kinds], gone) == 2 * len(gone)
    for project in projects:
        assert {task["data"]["sample_id"] for task in tasks_of(ann, project)} == {one.sample_id for one in made[55:]}
    assert list(place.collect(kinds, None)) == []
    assert place.forget([kinds], gone) == 0
    away = backend(server, url="http://127.0.0.1:1", patience_s=0.1, timeout_s=1)
    with pytest.raises(WinnowError, match="does not answer"):
        away.forget([kinds], gone)
