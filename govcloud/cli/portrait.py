"""`govcloud portrait`: one application on one screen (应用画像)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from .common import App, console, emit, json_option
from .completing import complete_name
from .viewing import age, cell, counted, named, open_view

if TYPE_CHECKING:
    from ..report.portrait import Portrait

# Entries of one sort that are told; the others are counted, and `--json` has them all.
MOST = 6
# Columns of the sections' names.
ENGLISH, CHINESE = 13, 10
NOT_RECORDED = "not recorded"
VERDICT = {True: "passed", False: "not passed", None: "no verdict"}


@click.command()
@click.argument("application", shell_complete=complete_name("application"))
@json_option
@click.pass_obj
def portrait(app: App, application: str, as_json: bool) -> None:
    """Show all that is known of an application: owner, what it holds, grade, recovery, cost, findings."""
    from ..report import portrait as report

    with open_view(app) as view:
        drawn = report.portrait(view, named(view, "application", application), now=time.time())
    if as_json:
        emit(drawn)
    else:
        _show(drawn)


def _show(p: Portrait) -> None:
    from rich.cells import cell_len
    from rich.text import Text

    from .tables import print_line

    out = console()
    head = Text.assemble((f"application/{p.name}", "bold"), f"  {p.title}" if p.title else "")
    print_line(out, head.append_text(Text(f"  {p.status or f'status {NOT_RECORDED}'}  应用画像", "dim")))
    for english, chinese, lines in _sections(p):
        told = [line for line in lines if line] or [NOT_RECORDED]
        for number, line in enumerate(told):
            names = (english, chinese) if number == 0 else ("", "")
            blank = " " * (CHINESE - cell_len(names[1]))
            style = "dim" if line == NOT_RECORDED else ""
            start = Text.assemble("  ", (f"{names[0]:{ENGLISH}}", "bold"), (names[1], "dim"), blank)
            print_line(out, start.append(line, style), ENGLISH + CHINESE + 4)
    out.print()
    if not p.findings:
        out.print(Text("  ✓ no findings", "green"))
    for one in p.findings:
        print_line(out, Text.assemble(("  ✗ ", "red"), (one["subject"], "bold"), f"  {one['words']}"), 6)


def _sections(p: Portrait) -> Iterable[tuple[str, str, list[str]]]:
    """(English, Chinese, lines) of every section, in the order of the screen."""
    yield "owner", "主管", _owner(p.owner)
    yield "holds", "资源", _holds(p.holds)
    yield "networks", "网络", _networks(p.networks)
    yield "endpoints", "访问端点", _endpoints(p)
    yield "grade", "等级保护", _grade(p.grade)
    yield "recovery", "容灾", _recovery(p.recovery)
    yield "use", "使用", _use(p.use, p.serves)
    yield "needs", "依赖", [_some([_called(d) for d in p.dependencies["needs"]], "; ")]
    yield "needed by", "被依赖", [_some([_called(d) for d in p.dependencies["needed_by"]], "; ")]
    yield "cost", "费用", _cost(p.cost)
    yield "evaluation", "评价", _evaluation(p.evaluation)
    if p.others:
        yield (
            "named by",
            "其他引用",
            [_some([f"{w}: {cell(names[:MOST])}" for w, names in p.others.items()], "; ")],
        )


def _called(row: dict[str, Any]) -> str:
    return f"{row['name']} {row['title']}".strip()


def _some(texts: Sequence[str], between: str = ", ") -> str:
    more = f"{between}and {len(texts) - MOST} more" if len(texts) > MOST else ""
    return between.join(texts[:MOST]) + more


def _told(row: dict[str, Any], **units: str) -> str:
    """``name title`` and those of the named fields that are said, each with its words before it."""
    said = [
        f"{words} {cell(row[f])}".strip() for f, words in units.items() if row.get(f) not in (None, "", [])
    ]
    return "  ".join([_called(row), *said])


def _owner(owner: dict[str, Any]) -> list[str]:
    if not owner["unit"]:
        return []
    people = [
        f"{duty.replace('_', ' ')} {_some([p['title'] or p['name'] for p in persons]) or 'nobody'}"
        for duty, persons in owner["duties"].items()
    ]
    lines = [f"unit/{owner['unit']}  {owner['title']}".rstrip(), "; ".join(people)]
    if owner["duty_person"]:
        lines.append(f"in charge: {_called(owner['duty_person'])}")
    return lines


def _holds(holds: dict[str, Any]) -> list[str]:
    lines = []
    instances, servers, volumes = holds["instances"], holds["servers"], holds["volumes"]
    if instances["count"]:
        size = (
            f"{instances['vcpus']:,} vCPU, {instances['memory_mib'] / 1024:,.4g} GiB memory, "
            f"{instances['disk_gib']:,} GiB disk"
        )
        names = _some([i["name"] for i in instances["entries"]])
        lines.append(f"{counted(instances['count'], 'instance')} ({size}): {names}")
    if servers["count"]:
        names = _some([s["name"] for s in servers["entries"]])
        lines.append(f"{counted(servers['count'], 'server')}: {names}")
    if volumes["count"]:
        lines.append(f"{counted(volumes['count'], 'volume')} ({volumes['size_gib']:,} GiB)")
    for kind in ("load_balancer", "component", "dataset"):
        rows = holds[f"{kind}s"]
        if rows:
            lines.append(f"{counted(len(rows), kind)}: {_some([_called(r) for r in rows])}")
    if asked := holds["requests"]:
        lines.append(f"asked for by {_some([_told(r, until='until') for r in asked])}")
    return lines


def _networks(networks: dict[str, Any]) -> list[str]:
    lines = [_told(n, ipv4="", ipv6="") for n in networks["networks"][:MOST]]
    for version, words in (("ipv4", "IPv4"), ("ipv6", "IPv6")):
        rows = networks[version]
        if rows:
            lines.append(f"{words}: {_some([r['address'] for r in rows])}")
    for field in ("zones", "private_networks"):
        if networks[field]:
            lines.append(f"{field.replace('_', ' ')}: {_some(networks[field])}")
    return lines


def _endpoints(p: Portrait) -> list[str]:
    lines = [
        f"{_called(e)}  {e['domain']}:{e['port']} at instance/{e['instance']}" for e in p.endpoints[:MOST]
    ]
    if p.endpoints and not p.certificates:
        lines.append("certificates: not recorded")
    for one in p.certificates[:MOST]:
        left = one["days_left"]
        ends = f"ends {one['expires_on']} ({left} days)" if left is not None else "no end recorded"
        lines.append(f"certificate {_called(one)}  {ends}")
    return lines


def _grade(grade: dict[str, Any]) -> list[str]:
    words = [
        f"MLPS {grade['mlps']} (等保{cell(grade['mlps'])}级)" if grade["mlps"] else f"MLPS {NOT_RECORDED}"
    ]
    # Unsaid is not a no: whether it is classified decides where it may stand.
    classified = {True: "classified (涉密)", False: "not classified (非涉密)"}
    words.append(classified.get(grade["classified"], f"classified (涉密): {NOT_RECORDED}"))
    rest = ("mlps_filing", "mlps_tested_on", "cryptography", "assessed_on")
    words += [f"{f.replace('_', ' ')} {grade[f]}" for f in rest if grade[f] not in (None, "", "unknown")]
    words += [f.replace("_", " ") for f in ("key_system", "important") if grade[f]]
    return [", ".join(words)]


def _recovery(recovery: dict[str, Any]) -> list[str]:
    lines = []
    for one in recovery["protections"][:MOST]:
        lines.append(
            f"{_called(one)}  level {one['level']}, RPO {cell(one['rpo_s'])} s, "
            f"instance/{one['primary']} → instance/{one['standby']}"
        )
        lines += [f"  {_figure(e)}" for e in one["measured"][:MOST]] or ["  never measured"]
    for one in recovery["drills"][:2]:
        lines.append(f"drill {_called(one)}  {one['date']} {VERDICT[one['passed']]}")
    for kind in ("backup", "recovery_plan"):
        rows = recovery[f"{kind}s"]
        if rows:
            lines.append(f"{counted(len(rows), kind)}: {_some([_called(r) for r in rows])}")
    return lines


def _figure(row: dict[str, Any]) -> str:
    figure = f"{row['value']:.2f} {row['unit']}" if row["value"] is not None else ""
    bad = "" if row["ok"] else f"  {row['reason']}"
    return f"{'✓' if row['ok'] else '✗'} {row['name']}  {figure}  {age(row['at'])} ago{bad}".replace(
        "    ", "  "
    )


def _use(use: dict[str, Any], serves: dict[str, Any]) -> list[str]:
    said = [
        f"{f.replace('_', ' ')} {cell(use[f])}" for f in ("user_count", "unit_count", "opened_on") if use[f]
    ]
    lines = [", ".join(said)]
    # What a protection measures is told under recovery.
    figures = [e for e in use["measured"] if not e["subject"].startswith("protection/")]
    lines += [_figure(e) for e in figures[:MOST]]
    if len(figures) > MOST:
        lines.append(f"and {len(figures) - MOST} more figures")
    if use["observed"]:
        good = sum(o["status"] == "present" for o in use["observed"])
        oldest = min(o["at"] for o in use["observed"])
        lines.append(f"{good} of {len(use['observed'])} objects as they should be, seen {age(oldest)} ago")
    for kind, rows in serves.items():
        if rows:
            lines.append(f"{kind.replace('_', ' ')}: {_some([_called(r) for r in rows])}")
    return lines


def _cost(cost: dict[str, Any]) -> list[str]:
    lines = []
    if cost["yearly_yuan"] is not None:
        lines.append(f"{cost['yearly_yuan']:,.0f} yuan a year")
    for one in cost["budgets"][:MOST]:
        amount = f"{one['amount_yuan']:,.0f} yuan" if one["amount_yuan"] is not None else "no amount"
        lines.append(f"budget {one['year']} {one['item']}: {amount}, {one['status'] or 'no status'}")
    for kind in ("contract", "programme"):
        for one in cost[f"{kind}s"][:MOST]:
            amount = f"{one['amount_yuan']:,.0f} yuan" if one["amount_yuan"] is not None else "no amount"
            lines.append(f"{kind} {_called(one)}: {amount}")
    return [*lines, "prices of what it holds: not recorded"] if lines else []


def _evaluation(evaluation: dict[str, Any]) -> list[str]:
    lines = [_told(e, date="", mode="", result="", score="score") for e in evaluation["evaluations"][:MOST]]
    for one in evaluation["reviews"][:MOST]:
        lines.append(f"review {one['type']} {one['date']}: {VERDICT[one['passed']]}")
    for one in evaluation["inspections"][:MOST]:
        lines.append(_told(one, type="inspection", date="", severity="", finding=""))
    return lines
