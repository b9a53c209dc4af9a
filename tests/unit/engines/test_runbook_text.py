"""A runbook as a person reads it: the shipped ones with every value in its place, and whatever else a customer has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pov.base.paths import data
from pov.engines.runbook_text import written
from pov.steps.legacy.ssh import _COMMON

SHIPPED = data("mock_services", "legacy", "runbooks")
INVENTORY: dict[str, Any] = {
    "all": {
        "hosts": {
            "legacy-1": {"host_services": [{"service": "ledger", "port": 8443, "health_port": 18081}]},
            "legacy-2": {
                "host_services": [
                    {"service": "fees", "port": 8443, "health_port": 18081},
                    {"service": "risk", "port": 8444, "health_port": 18082},
                ]
            },
        },
        "vars": {**_COMMON, "ssh_config": "/x/ssh_config"},
    }
}


def test_the_deploy_runbook_is_commands_to_type_host_by_host() -> None:
    book = written(SHIPPED, "deploy.yml", INVENTORY, {"services": ["ledger", "risk"], "version": "2.0.0"})
    assert book.parts == ("ledger on legacy-1", "risk on legacy-2")
    assert book.text.splitlines()[:9] == [
        "  1. ledger on legacy-1",
        "     stop service (on legacy-1)",
        "       sv stop /etc/service/ledger",
        "     swap link (on legacy-1)",
        "       ln -sfn 'releases/2.0.0' '/opt/pov/ledger/current'",
        "     start service (on legacy-1)",
        "       sv start /etc/service/ledger",
        "     health check (on legacy-1, until it succeeds)",
        "       healthy 18081",
    ]
    assert "fees" not in book.text
    assert "healthy 18082" in book.text


def test_the_rotate_runbook_says_where_each_command_is_typed_and_what_goes_into_it() -> None:
    told = {"services": ["ledger"], "ca": "/ca.crt", "ca_key": "/ca.key", "days": 365, "requests": "/requests"}
    book = written(SHIPPED, "rotate.yml", INVENTORY, told)
    assert book.parts == ("ledger on legacy-1",)
    assert "sign request (on this machine)" in book.text
    assert "-CA /ca.crt -CAkey /ca.key -days 365" in book.text
    assert '<what "make key and request" printed>' in book.text
    assert "{{" not in book.text


OTHERWISE = {
    "a module": "- hosts: all\n  tasks:\n    - name: x\n      ansible.builtin.service: {name: x, state: restarted}\n",
    "roles": "- hosts: all\n  roles: [common]\n",
    "a missing file": """- hosts: all
  tasks:
    - name: elsewhere
      ansible.builtin.include_tasks: missing.yml
      loop: '{{ host_services }}'
      loop_control: {loop_var: placed}
""",
    "another loop": "- hosts: all\n  tasks:\n    - name: x\n      include_tasks: x.yml\n      loop: [1, 2]\n",
    "a mapping": "just: a mapping\n",
    "no YAML": "not yaml: [\n",
    "nothing": "",
}


@pytest.mark.parametrize("playbook", OTHERWISE.values(), ids=OTHERWISE)
def test_a_runbook_that_is_made_otherwise_is_handed_over_as_it_stands(tmp_path: Path, playbook: str) -> None:
    (tmp_path / "own.yml").write_text(playbook)
    book = written(tmp_path, "own.yml", INVENTORY, {"services": ["ledger"]})
    assert (book.text, book.parts) == (playbook, ())


def test_what_has_no_value_stays_as_it_is_written(tmp_path: Path) -> None:
    text = (
        "- hosts: all\n  tasks:\n    - name: one\n      shell: echo {{ unknown }} {{ version | upper }} {{ version }}\n"
    )
    (tmp_path / "own.yml").write_text(text)
    book = written(tmp_path, "own.yml", INVENTORY, {"services": [], "version": "2"})
    assert "echo {{ unknown }} {{ version | upper }} 2" in book.text
    assert book.parts == ("one on legacy-1", "one on legacy-2")
