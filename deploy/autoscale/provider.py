#!/usr/bin/env python3
"""A provider for weir's scaler: scale.exec = ["/etc/weir/provider.py"].

Reads one order as JSON from standard input and writes the answer as JSON to standard output. This one
starts and stops systemd units weir-edge@NAME on this machine; put in place of `run` what your cloud wants.

An order may come again under the same id when its answer was lost, so what was done for an id is kept and
only said again. Exit status: 0 done, 75 try again, 78 no use trying again.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys

STATE = pathlib.Path(os.environ.get("WEIR_PROVIDER_STATE", "/var/lib/weir/provider"))
# Set it to "echo" to see what would be done.
SYSTEMCTL = os.environ.get("WEIR_PROVIDER_SYSTEMCTL", "systemctl")


def run(verb: str, node: str) -> None:
    command = [SYSTEMCTL, verb, f"weir-edge@{node}"]
    subprocess.run(command, check=True, stdout=sys.stderr)


def grow(order: dict) -> dict:
    # Names follow from the id: the same order means the same nodes. The unit gives its name to the node:
    # ExecStart=/usr/local/bin/weir serve … --set node.id="%i"
    stem = hashlib.sha256(order["id"].encode()).hexdigest()[:8]
    nodes = [f"edge-{stem}-{at}" for at in range(order["count"])]
    for node in nodes:
        run("start", node)
    return {"started": len(nodes), "note": " ".join(nodes)}


def shrink(order: dict) -> dict:
    # It has drained already; stopping one that is gone is no error.
    run("stop", order["node"])
    return {"note": order["node"]}


def main() -> int:
    try:
        order = json.load(sys.stdin)
        act = {"grow": grow, "shrink": shrink}[order["action"]]
        done = STATE / (order["id"].replace("/", "_") + ".json")
    except (ValueError, KeyError, TypeError) as error:
        print(f"not an order: {error!r}", file=sys.stderr)
        return 78
    try:
        if done.exists():
            print(done.read_text())
            return 0
        answer = json.dumps(act(order))
        STATE.mkdir(parents=True, exist_ok=True)
        done.write_text(answer)
    except (OSError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 75
    print(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
