// Live updates. Every page works without this: it only spares the reload.
"use strict";
(() => {
  const $ = (query, from = document) => from.querySelector(query);
  const all = (query, from = document) => [...from.querySelectorAll(query)];

  // After the login, so that its address with the token is not in the history.
  const replace = $("[data-replace]");
  if (replace) location.replace(replace.dataset.replace);

  // Takes over what is new in the parts of a page that change, and leaves what is chosen as it is.
  const renew = (page) => {
    for (const old of all("[data-live][id]")) {
      const now = page.getElementById(old.id);
      if (!now || old.isEqualNode(now) || old.contains(document.activeElement) && !rows(old)) continue;
      if (rows(old)) { renewRows(old, now); continue; }
      const fresh = document.importNode(now, true), { scrollLeft, scrollTop } = old;
      old.replaceWith(fresh);
      Object.assign(fresh, { scrollLeft, scrollTop });
    }
    const none = all("p.none[id]");
    for (const one of none) if (!page.getElementById(one.id)) one.remove();
    const output = $("#output"), now = page.getElementById("output");
    if (output && now && now.dataset.token !== output.dataset.token) {
      output.replaceChildren();
      Object.assign(output.dataset, { token: now.dataset.token, end: "0" });
      delete output.dataset.ended;
      follow();
    }
    chosen();
  };
  const rows = (body) => body.tagName === "TBODY";
  const renewRows = (old, now) => {
    const known = new Map(all("tr[id]", old).map((row) => [row.id, row]));
    const fresh = [...now.children].map((row) => {
      const was = known.get(row.id);
      if (!was) return document.importNode(row, true);
      // Only cells that differ, so that nothing vanishes under a pointer.
      [...row.cells].forEach((cell, i) => {
        const old = was.cells[i];
        if (!old.isEqualNode(cell) && !old.contains(document.activeElement))
          old.replaceWith(document.importNode(cell, true));
      });
      return was;
    });
    if (fresh.length !== old.children.length || fresh.some((row, i) => row !== old.children[i]))
      old.replaceChildren(...fresh);
  };

  // One reading at a time, and pauses in proportion to how long it takes.
  let reading = false, again = false;
  const read = async () => {
    if (reading || document.hidden) { again = true; return; }
    reading = true; again = false;
    const begin = performance.now();
    try {
      const reply = await fetch(location.href, { headers: { accept: "text/html" } });
      if (reply.ok) renew(new DOMParser().parseFromString(await reply.text(), "text/html"));
    } catch { /* The next event reads again. */ }
    setTimeout(() => { reading = false; if (again) read(); }, Math.max(120, 10 * (performance.now() - begin)));
  };

  // The output of a task that runs, piece by piece.
  let following = null;
  const follow = () => {
    const output = $("#output");
    clearTimeout(following);
    if (!output || "ended" in output.dataset) return;
    following = setTimeout(async () => {
      if (!document.hidden) try {
        const reply = await fetch(`${output.dataset.tail}?from=${output.dataset.end}`);
        if (reply.ok) append(output, JSON.parse(await reply.text()));
      } catch { /* Tried again. */ }
      follow();
    }, 400);
  };
  const append = (output, part) => {
    if (String(part.token) !== output.dataset.token) {
      output.replaceChildren();
      Object.assign(output.dataset, { token: part.token, end: "0" });
      return;
    }
    const atEnd = output.scrollTop + output.clientHeight >= output.scrollHeight - 8;
    for (const piece of part.pieces) {
      const span = document.createElement("span");
      span.className = piece.of;
      span.textContent = piece.text;
      output.append(span);
    }
    output.dataset.end = part.end;
    const none = $("#no-output");
    if (none && output.childElementCount) none.hidden = true;
    if (part.ended) { output.dataset.ended = ""; if (none && output.childElementCount === 0) none.textContent = "It wrote nothing."; }
    if (atEnd) output.scrollTop = output.scrollHeight;
  };

  // One stream for all tabs of the browser: whichever holds the lock has it and tells the others.
  const path = document.body.dataset.live;
  const sign = $("#link");
  if (path) {
    const address = new URL(path, location.href).href;
    const channel = new BroadcastChannel(address);
    const told = (data) => {
      if (sign) sign.hidden = false;
      if (data === "lost") { if (sign) sign.hidden = true; return; }
      read();
    };
    channel.onmessage = (event) => told(event.data);
    const tell = (data) => { channel.postMessage(data); told(data); };
    let release = null, waiting = null;
    const lead = () => new Promise((end) => {
      const source = new EventSource(address);
      source.addEventListener("counts", (event) => tell(event.data));
      source.onerror = () => tell("lost");
      release = () => { source.close(); release = null; end(); };
    });
    const join = () => {
      if (document.hidden || release || waiting) return;
      if (!navigator.locks) { lead(); return; }
      waiting = new AbortController();
      navigator.locks.request(address, { signal: waiting.signal }, () => {
        waiting = null;
        return document.hidden ? undefined : lead();
      }).catch(() => {});
    };
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        if (waiting) { waiting.abort(); waiting = null; }
        if (release) release();
      } else { join(); read(); follow(); }
    });
    addEventListener("pagehide", () => { if (release) release(); });
    join();
  }

  // The actions show how many are chosen; shift chooses a range.
  const chosen = () => {
    const form = $("#chosen");
    if (!form) return;
    const count = all("input[name=id]:checked", form).length;
    const any = count || $("input[name=all]", form).checked;
    for (const button of all(".bulk button", form)) button.disabled = !any;
    form.classList.toggle("some", Boolean(any));
  };
  let last = null;
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!box.matches || !box.matches("input[name=id][type=checkbox]")) return;
    const boxes = all("input[name=id][type=checkbox]");
    if (event.shiftKey && last) {
      const ends = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
      for (const one of boxes.slice(ends[0], ends[1] + 1)) one.checked = box.checked;
    }
    last = box;
  });
  document.addEventListener("change", chosen);
  // A filter applies at once.
  for (const box of all(".filters input[type=checkbox]:not([data-waits]), .filters select:not([data-waits])")) box.addEventListener("change", () => box.form.requestSubmit());
  // Empty fields do not become a part of the address.
  for (const form of all("form.filters, form#chosen")) form.addEventListener("submit", () => {
    for (const field of all("input, select", form)) if (!field.value) field.disabled = true;
  });
  addEventListener("pageshow", () => { for (const field of all("form :disabled:not(button)")) field.disabled = false; chosen(); });
  // A drawing that is larger than its window opens at what runs or failed.
  for (const canvas of all(".canvas")) {
    const seen = $(".node.s-running", canvas) || $(".node.s-failed", canvas) || $(".node.focus", canvas);
    if (!seen) continue;
    const [own, box] = [canvas, seen].map((one) => one.getBoundingClientRect());
    canvas.scrollLeft += box.left + box.width / 2 - own.left - own.width / 2;
    canvas.scrollTop += box.top + box.height / 2 - own.top - own.height / 2;
  }
  const output = $("#output");
  if (output) output.scrollTop = output.scrollHeight;
  chosen();
  follow();
})();
