// Shows a run to whoever has a token. Everything that comes is put in as text, never as HTML.
"use strict";
const [workspace, project, run] = location.pathname.split("/").slice(-3).map(decodeURIComponent);
const part = (id) => document.getElementById(id);
const most = 20000; // lines that are kept on the page
let offset = "", ended = false;
part("title").textContent = `${workspace}/${project}, run ${run}`;

function say(text, kind) {
  part("text").textContent = text;
  part("text").className = kind || "";
}

// line puts a line in, with its colours as classes.
function line(text, kind) {
  const row = document.createElement("div");
  let classes = kind || "";
  for (const piece of text.split(/(\x1b\[[0-9;:]*m)/)) {
    const colour = /^\x1b\[([0-9;:]*)m$/.exec(piece);
    if (colour) {
      for (const n of colour[1].split(/[;:]/).map(Number)) {
        if (n === 0) classes = "";
        else if (n === 1) classes += " b";
        else if (n === 2) classes += " f";
        else if (n > 30 && n < 37 || n > 90 && n < 97) classes = classes.replace(/ ?c\d/, "") + " c" + n % 10;
        else if (n === 39) classes = classes.replace(/ ?c\d/, "");
      }
    } else if (piece) {
      const span = document.createElement("span");
      span.className = classes;
      span.textContent = piece;
      row.append(span);
    }
  }
  row.append("\n");
  const log = part("log"), low = innerHeight + scrollY > document.body.scrollHeight - 60;
  log.append(row);
  if (log.childElementCount > most) log.firstElementChild.remove();
  if (low) scrollTo(0, document.body.scrollHeight);
}

function show(r) {
  const list = r.stages.map((s, i) => {
    const item = document.createElement("li"), last = i === r.stages.length - 1;
    const failed = r.state === "failure" && last;
    item.className = failed ? "bad" : last && !r.endedAt ? "now" : "good";
    item.textContent = (failed ? "✗ " : last && !r.endedAt ? "… " : "✓ ") + s.stage;
    return item;
  });
  part("stages").replaceChildren(...list);
  say(r.text || "", r.state === "failure" ? "bad" : "");
}

function take(f) {
  if (f.offset) offset = f.offset;
  if (f.run) show(f.run);
  if (f.type === "log") f.lines.forEach((text) => line(text));
  else if (f.type === "anew") line("the log begins anew", "f");
  else if (f.type === "note") line(f.text, "f");
  else if (f.type === "end") ended = true;
  else if (f.type === "bye" && !f.again) { ended = true; say(f.text, "bad"); }
}

// read reads what one connection brings; it returns in how many seconds to ask again.
async function read(token) {
  const at = (id) => encodeURIComponent(id);
  const url = new URL(`../../../v1/workspaces/${at(workspace)}/projects/${at(project)}/runs/${at(run)}/log`, location);
  url.search = new URLSearchParams({ follow: "1", from: offset });
  const answer = await fetch(url, { headers: { Authorization: "Bearer " + token, Accept: "application/x-ndjson" }, credentials: "omit", redirect: "error" });
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({ error: answer.statusText }));
    if (answer.status !== 503 && answer.status !== 429) throw Object.assign(new Error(said.error), { final: true });
    say(said.error);
    return Number(answer.headers.get("Retry-After")) || 2;
  }
  part("log").hidden = false;
  const lines = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await lines.read();
    if (done) return 1;
    const all = (rest + value).split("\n");
    rest = all.pop();
    all.filter(Boolean).forEach((text) => take(JSON.parse(text)));
  }
}

part("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = part("token").value.trim();
  part("token").value = "";
  part("ask").hidden = true;
  while (!ended) {
    let pause = 2;
    try {
      pause = await read(token);
    } catch (problem) {
      if (problem.final) {
        say(problem.message, "bad");
        part("ask").hidden = false;
        return;
      }
      say("The server does not answer; it is asked again.");
    }
    if (!ended) await new Promise((go) => setTimeout(go, pause * 1000));
  }
});
