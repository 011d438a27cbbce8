"""What must hold of a session's calls, whatever became of the backend meanwhile."""
import collections
import json


class Check:
    """Collects what does not hold. `journal`: the file in which the backend notes what it runs."""

    def __init__(self, journal):
        self._journal = journal
        self.failures = []

    def expect(self, holds, text):
        if not holds:
            self.failures.append(text)

    def runs(self):
        """How often the backend has run each call, by its id."""
        with open(self._journal, encoding="utf-8") as journal:
            lines = [json.loads(line) for line in journal]
        return collections.Counter(line["id"] for line in lines if "executed" in line)

    def calls(self, calls):
        """Nothing lost, nothing repeated. How many of the reading calls were run twice."""
        runs = self.runs()
        reread = 0
        for call in calls:
            if call.tool is None:
                self.expect(call.outcome() == "ok", f"{call} was answered with {call.answer}")
                continue
            outcome, count = call.outcome(), runs[call.id]
            self.expect(outcome in ("ok", "outcome-unknown"), f"{call} was answered with {call.answer}")
            self.expect(outcome != "ok" or count > 0, f"{call} was answered, but not run")
            if call.tool != "echo":
                self.expect(count <= 1, f"{call} was run {count} times")
                continue
            self.expect(outcome == "ok" and count <= 2, f"{call}, which only reads, was run "
                        f"{count} times: {outcome}")
            if outcome == "ok":
                self.expect(call.text() == call.params["arguments"]["text"],
                            f"{call} has another call's answer")
            reread += count > 1
        return reread
