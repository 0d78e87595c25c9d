"""The plan: its tree holds together and its status follows from its tasks."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import plan as plans
from domain.errors import Conflict, DomainError, Invalid, NotFound
from domain.plan import KINDS, PARENT_KIND, STATUSES, Kind, Plan, Rollup, rollup, summary
from tests.domain.replay import replayed


def add(plan: Plan, kind: Kind, parent: UUID | None = None, before: UUID | None = None) -> UUID:
    node = uuid4()
    plan.add(node=node, kind=kind, title=kind, parent=parent, before=before)
    return node


def a_tree() -> tuple[Plan, UUID, UUID, UUID]:
    """A plan with one phase, objective and task."""
    plan = Plan.open(uuid4())
    phase = add(plan, "phase")
    objective = add(plan, "objective", phase)
    return plan, phase, objective, add(plan, "task", objective)


def test_the_id_follows_from_the_process() -> None:
    process = uuid4()
    assert Plan.open(process).id == Plan.create_id(process)


def test_nodes_stand_where_they_are_put() -> None:
    plan = Plan.open(uuid4())
    first, last = add(plan, "phase"), add(plan, "phase")
    middle, start = add(plan, "phase", before=last), add(plan, "phase", before=first)
    assert [node.id for node in plan.children(None)] == [start, first, middle, last]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_belongs_under_its_own_parent_alone(kind: Kind) -> None:
    plan, phase, objective, task = a_tree()
    for parent, parent_kind in ((None, None), (phase, "phase"), (objective, "objective"), (task, "task")):
        if PARENT_KIND[kind] == parent_kind:
            add(plan, kind, parent)
        else:
            with pytest.raises(Invalid) as refusal:
                add(plan, kind, parent)
            assert refusal.value.code == "parent_unfit"


def test_what_does_not_exist_is_not_found() -> None:
    plan, *_ = a_tree()
    for call in (plan.disable, plan.restore, plan.find, plan.path, plan.is_enabled, plan.begin):
        with pytest.raises(NotFound):
            call(uuid4())
    with pytest.raises(NotFound):
        add(plan, "objective", uuid4())
    with pytest.raises(NotFound):
        plan.move(uuid4(), parent=None)


def test_a_node_is_added_once() -> None:
    plan, phase, *_ = a_tree()
    with pytest.raises(Conflict):
        plan.add(node=phase, kind="phase", title="Again")


def test_a_plan_is_not_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, *_ = a_tree()
    monkeypatch.setattr(plans, "NODE_LIMIT", 4)
    add(plan, "phase")
    with pytest.raises(Invalid) as refusal:
        add(plan, "phase")
    assert refusal.value.code == "plan_full"


def test_a_place_before_a_stranger_is_refused() -> None:
    plan, phase, objective, task = a_tree()
    for stranger in (uuid4(), phase, task):
        with pytest.raises(Invalid) as refusal:
            add(plan, "objective", phase, before=stranger)
        assert refusal.value.code == "before_unknown"
    with pytest.raises(Invalid):
        plan.move(objective, parent=phase, before=objective)


def test_moving_to_where_it_stands_is_no_event() -> None:
    plan = Plan.open(uuid4())
    first, second = add(plan, "phase"), add(plan, "phase")
    version = plan.version
    plan.move(first, parent=None, before=second)
    plan.move(second, parent=None)
    assert plan.version == version
    plan.move(second, parent=None, before=first)
    assert [node.id for node in plan.children(None)] == [second, first]


def test_only_tasks_have_a_status_of_their_own() -> None:
    plan, phase, objective, task = a_tree()
    for node in (phase, objective):
        with pytest.raises(Invalid):
            plan.set_status(node, "finished")
    with pytest.raises(Invalid):
        plan.set_status(task, "nearly")  # type: ignore[arg-type]
    plan.set_status(task, "finished")
    version = plan.version
    plan.set_status(task, "finished")
    assert plan.version == version


@pytest.mark.parametrize("status", STATUSES)
def test_work_begins_only_what_awaits(status: plans.Status) -> None:
    plan, phase, _, task = a_tree()
    plan.set_status(task, status)
    plan.begin(task)
    assert plan.find(task).status == ("in_progress" if status == "awaiting" else status)
    version = plan.version
    plan.begin(phase)
    assert plan.version == version


def test_what_is_disabled_takes_all_below_with_it_until_restored() -> None:
    plan, phase, objective, task = a_tree()
    plan.disable(phase)
    assert not plan.is_enabled(task)
    assert plan.find(task).enabled, "its own switch is untouched"
    with pytest.raises(Conflict) as refusal:
        plan.set_status(task, "finished")
    assert refusal.value.code == "node_disabled"
    with pytest.raises(Conflict):
        add(plan, "task", objective)
    plan.disable(objective)
    plan.restore(phase)
    assert not plan.is_enabled(task)
    plan.restore(objective)
    plan.set_status(task, "finished")


def test_nothing_moves_into_a_disabled_part() -> None:
    plan, phase, objective, task = a_tree()
    other = add(plan, "objective", phase)
    plan.disable(other)
    with pytest.raises(Conflict):
        plan.move(task, parent=other)
    assert plan.find(task).parent == objective


def test_a_refused_command_leaves_no_trace() -> None:
    plan, phase, _, task = a_tree()
    version = plan.version
    with pytest.raises(Invalid):
        plan.rename(task, " ")
    with pytest.raises(Invalid):
        plan.describe(task, "\x00")
    with pytest.raises(Invalid):
        plan.move(task, parent=phase)
    assert (plan.version, len(plan.pending_events)) == (version, version)


SUMMARIES = [
    ([], Rollup("awaiting", 0)),
    (["awaiting", "awaiting"], Rollup("awaiting", 0)),
    (["finished", "finished"], Rollup("finished", 100)),
    (["finished", "awaiting"], Rollup("in_progress", 50)),
    (["in_progress", "awaiting", "awaiting"], Rollup("in_progress", 16)),
    (["finished", "in_progress", "awaiting"], Rollup("in_progress", 50)),
    (["finished", "finished", "in_progress"], Rollup("in_progress", 83)),
]


@pytest.mark.parametrize(("statuses", "expected"), SUMMARIES)
def test_a_parent_sums_up_its_children(statuses: list[plans.Status], expected: Rollup) -> None:
    assert summary([Rollup(status, 0) for status in statuses]) == expected


def test_disabled_children_do_not_count() -> None:
    plan, phase, objective, task = a_tree()
    other = add(plan, "task", objective)
    plan.set_status(task, "finished")
    assert rollup(list(plan.nodes.values()))[phase] == Rollup("in_progress", 50)
    plan.disable(other)
    assert rollup(list(plan.nodes.values()))[phase] == Rollup("finished", 100)
    plan.disable(task)
    assert rollup(list(plan.nodes.values()))[objective] == Rollup("awaiting", 0)


PICK = st.integers(0, 30)
COMMANDS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(KINDS), PICK, PICK),
        st.tuples(st.just("move"), PICK, PICK, PICK),
        st.tuples(st.just("status"), PICK, st.sampled_from(STATUSES)),
        st.tuples(st.sampled_from(["disable", "restore"]), PICK),
        st.tuples(st.sampled_from(["rename", "describe"]), PICK, st.text(max_size=5)),
    ),
    max_size=40,
)


def carry_out(plan: Plan, command: tuple) -> None:  # type: ignore[type-arg]
    """Numbers pick among the nodes that are there; one beyond them is "none"."""
    nodes = list(plan.nodes)

    def node(number: int) -> UUID | None:
        return nodes[number] if number < len(nodes) else None

    match command:
        case ("add", kind, parent, before):
            plan.add(node=uuid4(), kind=kind, title="T", parent=node(parent), before=node(before))
        case ("move", moved, parent, before):
            plan.move(node(moved) or uuid4(), parent=node(parent), before=node(before))
        case ("status", task, status):
            plan.set_status(node(task) or uuid4(), status)
        case ("disable" | "restore" as name, number):
            getattr(plan, name)(node(number) or uuid4())
        case ("rename" | "describe" as name, number, words):
            getattr(plan, name)(node(number) or uuid4(), words)


def check_tree(plan: Plan) -> None:
    """Every node hangs under a node of the right kind; siblings have keys of their own."""
    for node in plan.nodes.values():
        parent = None if node.parent is None else plan.nodes[node.parent].kind
        assert parent == PARENT_KIND[node.kind]
        assert len(plan.path(node.id)) == KINDS.index(node.kind) + 1
        orders = [sibling.order for sibling in plan.children(node.parent)]
        assert orders == sorted(set(orders))


def check_rollup(plan: Plan) -> None:
    """The rules of status and progress, node by node, told the slow way."""
    shown = rollup(list(plan.nodes.values()))
    assert set(shown) == set(plan.nodes)
    for node in plan.nodes.values():
        of = shown[node.id]
        assert 0 <= of.progress <= 100
        assert (of.progress == 100) == (of.status == "finished")
        inside = [shown[child.id].status for child in plan.children(node.id) if child.enabled]
        if node.kind == "task":
            assert of.status == node.status
        elif set(inside) == {"finished"}:
            assert of.status == "finished"
        else:
            assert of.status == ("in_progress" if set(inside) - {"awaiting"} else "awaiting")
            halves = inside.count("finished") + inside.count("in_progress") / 2
            assert of.progress == int(halves * 100 / max(len(inside), 1) + 1e-9)


@settings(max_examples=150)
@given(COMMANDS)
def test_whatever_is_done_the_plan_holds_together_and_replays(commands: list[tuple]) -> None:  # type: ignore[type-arg]
    plan = a_tree()[0]
    for command in commands:
        version = plan.version
        try:
            carry_out(plan, command)
        except DomainError:
            assert plan.version == version
    check_tree(plan)
    check_rollup(plan)
    assert replayed(plan) == plan
