"""Cuts and mends the lines of bench/detect.sh, and tells how long after each this was known.

Prints a line a sample: the line, what was waited for, seconds.
"""

import http.client
import json
import random
import subprocess
import sys
import threading
import time
import urllib.parse

LONGEST = 60.0
LONGEST_PEER = 240.0


class Heard:
    """The events of the controller, each with the moment at which it arrived."""

    def __init__(self, address):
        self.address = address
        self.changed = threading.Condition()
        self.health = {}
        self.history = []
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        connection = http.client.HTTPConnection(self.address)
        connection.request("GET", "/api/v1/events", headers={"Accept": "text/event-stream"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(f"the events were refused: {answer.status}")
        for line in answer:
            arrived = time.time()
            if not line.startswith(b"data:"):
                continue
            event = json.loads(line[5:])
            subject = event.get("subject", "")
            if subject.startswith("link/") and "health" in event:
                with self.changed:
                    self.history.append((arrived, subject, event["health"]))
                    self.changed.notify_all()

    def first(self, subject, since, wanted):
        """When the first such change arrived since then."""
        until = time.time() + LONGEST
        with self.changed:
            while True:
                for arrived, about, health in self.history:
                    if about == subject and arrived >= since and wanted(health):
                        return arrived
                if not self.changed.wait(max(0.0, until - time.time())) and time.time() >= until:
                    raise TimeoutError(f"{subject}: waited in vain; heard {self.history[-4:]}")

    def downs(self, subject):
        with self.changed:
            return sum(1 for _, about, health in self.history if about == subject and health == "down")


def get(address, path):
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return json.loads(body) if answer.status == 200 else None


def nft(*words):
    subprocess.run(["nft", *words], check=True)


def cut(line):
    at = time.time()
    nft("add", "rule", "inet", "lines", line, "drop")
    return at


def mend(line):
    at = time.time()
    nft("flush", "chain", "inet", "lines", line)
    return at


def say(*words):
    with SAYING:
        print(*words, sep="\t", flush=True)


SAYING = threading.Lock()


def one_round(heard, line, until_peer=None):
    subject = f"link/{line}"
    time.sleep(random.uniform(1.5, 2.5))
    at = cut(line)
    shown = heard.first(subject, at, lambda health: health == "down")
    view = get(heard.address, f"/api/v1/links/{line}")
    end = view["ends"][0]
    if end["verdict"] != "down":
        raise ValueError(f"{line} is shown as down and its end says {end}")
    known = end["observed_at"] / 1e3 - at
    if until_peer:
        until_peer(at, "1", "alarm")
    time.sleep(random.uniform(0.5, 1.5))
    mended = mend(line)
    back = heard.first(subject, mended, lambda health: health != "down")
    if until_peer:
        until_peer(mended, "0", "clear")
    else:
        say(line, "known", f"{known:.3f}")
        say(line, "shown", f"{shown - at:.3f}")
        say(line, "back", f"{back - mended:.3f}")


def main():
    url, rounds, peer_rounds, alarms = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    address = urllib.parse.urlsplit(url).netloc
    heard = Heard(address)
    begun = time.time()
    while not all((get(address, f"/api/v1/entities/link/{line}") or {}).get("health") == "ok" for line in ("uplink", "link")):
        if time.time() - begun > LONGEST:
            sys.exit("the lines were never well")
        time.sleep(0.2)
    failed = []

    def work(line):
        try:
            for number in range(rounds):
                one_round(heard, line)
                print(f"detect: {line}, round {number + 1} of {rounds}", file=sys.stderr)
            say(line, "false", heard.downs(f"link/{line}") - rounds)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(line,)) for line in ("uplink", "link")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        sys.exit(f"{failed[0]!r}")

    def until_peer(since, flag, what):
        until = time.time() + LONGEST_PEER
        while time.time() < until:
            with open(alarms, encoding="ascii") as file:
                for row in file:
                    at, told = row.split()
                    if float(at) >= since and told == flag:
                        say("uplink", what, f"{float(at) - since:.3f}")
                        return
            time.sleep(0.05)
        raise TimeoutError(f"dpinger told no {what}")

    for number in range(peer_rounds):
        time.sleep(62 if number == 0 else 5)  # so that its minute holds no older cut
        one_round(heard, "uplink", until_peer)
        print(f"detect: dpinger, round {number + 1} of {peer_rounds}", file=sys.stderr)


main()
