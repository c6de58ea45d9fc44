"""Runs the operations of bench-harness on one of the original Python programs.

The arguments are the program's file, and then those of every driver: a folder, the number of
operations of the hundred, the number of scaled operations, the time limit in seconds for each part
of the latter. The file is copied into the folder of each part and imported from there, since some
of the programs keep their database beside themselves. The last line of output is the report.
"""

import importlib.util
import json
import resource
import shutil
import sys
import time
from pathlib import Path

WORKER = "bench"


class Claude1:
    """One connection, kept open."""

    limits = []

    def __init__(self, module, path):
        self.queue = module.TaskQueue(path)

    def synchronous(self):
        return self.queue.conn.execute("PRAGMA synchronous").fetchone()[0]

    def enqueue(self, number):
        self.queue.push(f"task {number}", f"echo {number}", number % 10)

    def claim(self):
        return self.queue.pop()

    def settle(self, task):
        self.queue.complete(task["id"], True)


class PerCall:
    """Every call opens and closes a connection."""

    limits = []

    def synchronous(self):
        with self.queue._get_conn() as connection:
            return connection.execute("PRAGMA synchronous").fetchone()[0]


class ClaudeCode2(PerCall):
    limits = ["completing is two calls: start and complete"]

    def __init__(self, module, path):
        self.queue = module.AdvancedTaskQueue(path)

    def enqueue(self, number):
        self.queue.enqueue(f"task {number}", f"echo {number}", priority=number % 10)

    def claim(self):
        tasks = self.queue.claim_tasks(WORKER, 1)
        return tasks[0] if tasks else None

    def settle(self, task):
        run = self.queue.start_task(task.id, WORKER)
        self.queue.complete_task(task.id, run, True)


class ClaudeCode3(PerCall):
    limits = [
        "no priorities",
        "no claim API: its events are processed, then tasks are executed, `echo` and all",
    ]

    def __init__(self, module, path):
        self.created = module.EventType.TASK_CREATED
        self.whole = module.EventDrivenOrchestrator()
        self.queue = self.whole.event_store
        self.ready = iter(())

    def enqueue(self, number):
        data = {"name": f"task {number}", "command": f"echo {number}"}
        self.queue.publish(self.created, f"task_{number}", "task", data)

    def claim(self):
        task = next(self.ready, None)
        if task is None:
            before = len(self.whole.state_machine.states)
            self.queue._process_unprocessed()
            self.ready = iter(list(self.whole.state_machine.states)[before:])
            task = next(self.ready, None)
        return task

    def settle(self, task):
        self.whole.execute_task(task)


class ClaudeCode4(PerCall):
    def __init__(self, module, path):
        self.queue = module.FullFeaturedQueue(path)

    def enqueue(self, number):
        self.queue.add_task(f"task {number}", f"echo {number}", priority=number % 10)

    def claim(self):
        return self.queue.get_next_task(WORKER)

    def settle(self, task):
        self.queue.complete_task(task["id"], True)


class Deepseek2(PerCall):
    def __init__(self, module, path):
        self.completed = module.TaskStatus.COMPLETED
        self.queue = module.AIOSTaskQueue(path)

    def synchronous(self):
        with self.queue._get_connection() as connection:
            return connection.execute("PRAGMA synchronous").fetchone()[0]

    def enqueue(self, number):
        self.queue.add_task(f"task {number}", f"echo {number}", priority=number % 10)

    def claim(self):
        return self.queue.get_next_task()

    def settle(self, task):
        self.queue.update_task(task.id, self.completed)


ADAPTERS = {
    "claude1": Claude1,
    "claudeCode2": ClaudeCode2,
    "claudeCode3": ClaudeCode3,
    "claudeCode4": ClaudeCode4,
    "deepseek2": Deepseek2,
}


def open_in(folder, file):
    """The program on a new database in a new folder."""
    folder.mkdir()
    copy = shutil.copy(file, folder)
    spec = importlib.util.spec_from_file_location(f"{file.stem}_{folder.name}", copy)
    module = importlib.util.module_from_spec(spec)
    # Some decorators look up the module by its name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return ADAPTERS[file.stem](module, str(folder / "tasks.db"))


def claimed(queue):
    task = queue.claim()
    if task is None:
        sys.exit("no task was left to claim")
    return task


def hundred(queue, operations):
    start = time.perf_counter()
    for number in range(operations):
        queue.enqueue(number)
    tasks = [claimed(queue) for _ in range(operations // 2)]
    for task in tasks[: operations // 4]:
        queue.settle(task)
    return (time.perf_counter() - start) * 1e3


def repeat(count, seconds, step):
    """Runs `step` up to `count` times or until the time is up; returns the number and the seconds."""
    start = time.perf_counter()
    done = 0
    while done < count and time.perf_counter() - start < seconds:
        step(done)
        done += 1
    return {"tasks": done, "seconds": time.perf_counter() - start}


def main():
    file, folder = Path(sys.argv[1]), Path(sys.argv[2])
    operations, scaled, seconds = map(int, sys.argv[3:])
    queue = open_in(folder / "hundred", file)
    words = ["off", "normal", "full", "extra"]
    report = {
        "version": "its file",
        "synchronous": words[queue.synchronous()],
        "limits": queue.limits + ["no bulk call"],
        "hundred_ms": hundred(queue, operations),
    }
    queue = open_in(folder / "scaled", file)
    report["enqueue"] = repeat(scaled, seconds, queue.enqueue)
    cycles = report["enqueue"]["tasks"]
    report["cycle"] = repeat(cycles, seconds, lambda _: queue.settle(claimed(queue)))
    report["bulk"] = None
    report["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print()
    print(json.dumps(report))


main()
