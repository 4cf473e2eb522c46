// Chapter 04: a trained character model types on from a prompt and shows its hidden state.
// `core` is the model, in double precision on the dequantised weights; `build` is the page's part.
(() => {
  "use strict";

  // ---- the model: x = row of the embedding, h' = phi(W_ih x + b_ih + W_hh h + b_hh), z = W_hy h' + b_y

  const PHI = {
    tanh: Math.tanh,
    relu: a => Math.max(0, a),
    sigmoid: a => 1 / (1 + Math.exp(-a)),
    linear: a => a,
  };

  function load(data, unpack) {
    const weights = {};
    for (const [name, packed] of Object.entries(data.weights)) weights[name] = unpack(packed);
    const [V, H] = weights["readout.weight"].shape;
    const symbols = Array.from(data.symbols);
    return {
      V, H, symbols,
      ids: new Map(symbols.map((symbol, id) => [symbol, id])),
      phi: PHI[data.nonlinearity],
      inputs: inputTable(weights, V, H),
      recurrent: weights["rnn.weight_hh_l0"].values,
      readout: weights["readout.weight"].values,
      bias: weights["readout.bias"].values,
    };
  }

  // What each symbol adds to the sum before phi, both biases included: one row a symbol.
  function inputTable(weights, V, H) {
    const embedding = weights["embedding.weight"].values;
    const W = weights["rnn.weight_ih_l0"].values;
    const [b, c] = [weights["rnn.bias_ih_l0"].values, weights["rnn.bias_hh_l0"].values];
    const E = W.length / H;
    const table = new Float64Array(V * H);
    for (let v = 0; v < V; v++) {
      for (let i = 0; i < H; i++) {
        let sum = b[i] + c[i];
        for (let e = 0; e < E; e++) sum += W[i * E + e] * embedding[v * E + e];
        table[v * H + i] = sum;
      }
    }
    return table;
  }

  const initialState = model => new Float64Array(model.H);

  // The state after reading one more symbol.
  function step(model, state, id) {
    const {H, recurrent, inputs, phi} = model;
    const next = new Float64Array(H);
    for (let i = 0; i < H; i++) {
      let sum = inputs[id * H + i];
      for (let j = 0, k = i * H; j < H; j++, k++) sum += recurrent[k] * state[j];
      next[i] = phi(sum);
    }
    return next;
  }

  function logits(model, state) {
    const {V, H, readout, bias} = model;
    return Float64Array.from({length: V}, (_, v) => {
      let sum = bias[v];
      for (let j = 0, k = v * H; j < H; j++, k++) sum += readout[k] * state[j];
      return sum;
    });
  }

  // softmax(z / temperature); at temperature 0 all on the likeliest.
  function probabilities(z, temperature) {
    const largest = z.reduce((a, b) => Math.max(a, b), -Infinity);
    if (temperature === 0) {
      const best = z.indexOf(largest);
      return z.map((_, v) => (v === best ? 1 : 0));
    }
    const p = z.map(value => Math.exp((value - largest) / temperature));
    const total = p.reduce((a, b) => a + b, 0);
    return p.map(value => value / total);
  }

  // The symbol at which the cumulative probability passes u in [0, 1).
  function draw(p, u) {
    const total = p.reduce((a, b) => a + b, 0);
    let sum = 0;
    for (let v = 0; v < p.length; v++) {
      sum += p[v];
      if (sum > u * total) return v;
    }
    return p.length - 1;
  }

  // A text as ids; characters that the model does not know are left out and listed.
  function encode(model, text) {
    const ids = [];
    const unknown = new Set();
    for (const symbol of text.replace(/\r\n?/g, "\n")) {
      if (model.ids.has(symbol)) ids.push(model.ids.get(symbol));
      else unknown.add(symbol);
    }
    return {ids, unknown: [...unknown]};
  }

  // States and scores along some ids, from a state of zeros.
  function trace(model, ids) {
    const states = [];
    const scores = [];
    let state = initialState(model);
    for (const id of ids) {
      state = step(model, state, id);
      states.push(Array.from(state));
      scores.push(Array.from(logits(model, state)));
    }
    return {states, logits: scores};
  }

  // `length` symbols after a prompt: as the widget types them.
  function sample(model, prompt, length, temperature, uniform) {
    let state = encode(model, prompt).ids.reduce((h, id) => step(model, h, id), initialState(model));
    let text = "";
    for (let i = 0; i < length; i++) {
      const id = draw(probabilities(logits(model, state), temperature), uniform());
      text += model.symbols[id];
      state = step(model, state, id);
    }
    return text;
  }

  // ---- the page's part

  const TOP = 8;
  const ROUND = 600; // characters after which it pauses by itself
  const LONGEST = 6000;
  const SPEEDS = {slow: 4, medium: 14, fast: 50}; // characters a second
  const NAMES = {" ": "space", "\n": "line end", "\t": "tab", ",": "comma", ".": "full stop", "'": "apostrophe",
    "-": "hyphen", ":": "colon", ";": "semicolon", "!": "exclamation mark", "?": "question mark"};
  const SIGNS = {" ": "␣", "\n": "↵", "\t": "⇥"};
  const spoken = symbol => NAMES[symbol] || (/[A-Z]/.test(symbol) ? `capital ${symbol}` : symbol);
  const shown = symbol => SIGNS[symbol] || symbol;

  function build(root, data, tools) {
    const {element, fixed, diverging} = tools;
    const model = load(data, tools.unpack);
    const {H} = model;

    // what has been read: prompt and typed characters, each with the state after it
    let past = [];
    let promptLength = 0;
    let uniform = tools.random(1);
    let p = null;
    let timer = null;
    let untilPause = 0;
    let unit = null; // the unit that colours the text
    let looked = 0; // the unit that is looked at
    let spokenUpTo = 0;
    let spokenAt = 0;

    // -- controls
    const promptId = tools.freshId();
    const prompt = element("textarea", {id: promptId, rows: 2, maxlength: 400, spellcheck: "false", autocomplete: "off",
      autocapitalize: "off", oninput: restart});
    prompt.value = data.prompt;
    const note = element("p", {class: "rnn-small char-note", role: "status"});
    const temperature = tools.slider({label: "Temperature", min: 0, max: 2, step: 0.05, value: data.temperature,
      show: x => x.toFixed(2), change: showNext});
    const seedId = tools.freshId();
    const seed = element("input", {type: "number", id: seedId, min: 0, max: 999999, step: 1, value: 1,
      inputmode: "numeric", oninput: restart});
    const speed = tools.choice({label: "Speed", options: Object.keys(SPEEDS).map(key => [key, key]), value: "medium",
      change: () => {}});
    const type = tools.button("Type", () => (timer === null ? start() : pause()), {class: "rnn-button is-main"});
    const one = tools.button("Step", () => { pause(); typeOne(); sayLast(); });
    const clear = tools.button("Clear", () => { restart(); say("Cleared."); });

    // -- the text
    const text = element("div", {class: "char-text", tabindex: "0", role: "region", "aria-label": "Text so far"});
    const live = element("div", {class: "rnn-hidden", role: "status", "aria-live": "polite"});

    // -- what may come next
    const bars = Array.from({length: TOP}, (_, rank) => {
      const symbol = element("span", {class: "char-symbol", "aria-hidden": "true"});
      const bar = element("span", {class: "char-bar"});
      const share = element("span", {class: "char-share", "aria-hidden": "true"});
      const node = element("button", {type: "button", class: "rnn-button char-next",
        onclick: () => { pause(); add(bars[rank].id); sayLast(); }},
        symbol, element("span", {class: "char-track", "aria-hidden": "true"}, bar), share);
      return {node, symbol, bar, share, id: 0};
    });

    // -- the hidden state
    const columns = [24, 32, 16, 20, 12, 10, 8].find(n => H % n === 0 && H / n <= n) || Math.ceil(Math.sqrt(1.5 * H));
    const gridId = tools.freshId();
    const cells = Array.from({length: H}, (_, i) => element("div", {class: "char-cell", id: `${gridId}-${i}`,
      role: "option", "aria-label": `unit ${i}`, "aria-selected": "false", "data-unit": i}));
    const grid = element("div", {class: "char-grid", role: "listbox", tabindex: "0",
      "aria-label": `Hidden state: ${H} units, ${columns} in a row. Arrow keys move, Enter colours the text.`,
      style: `--columns: ${columns}`, onpointerover: hover, onpointerdown: hover, onclick: click, onkeydown: key,
      onfocus: () => look(looked), onblur: unlook,
      onpointerleave: () => { if (!grid.matches(":focus")) unlook(); }}, cells);
    const said = element("p", {class: "rnn-small char-said"});
    const unitId = tools.freshId();
    const unitNumber = element("input", {type: "number", id: unitId, min: 0, max: H - 1, step: 1, placeholder: "none",
      inputmode: "numeric", oninput: () => choose(wholeNumber(unitNumber, H - 1))});
    const none = tools.button("No colour", () => choose(null), {disabled: true});
    const known = data.units.length ? tools.choice({label: "Units to try",
      options: [["", "…"], ...data.units.map(u => [u.unit, `${u.unit}: ${u.follows}`])], value: "",
      change: value => choose(value === "" ? null : Number(value))}) : null;

    root.append(
      element("div", {class: "char-prompt"}, element("label", {for: promptId}, "Prompt"), prompt), note,
      element("div", {class: "rnn-row"}, temperature.node,
        element("div", {class: "rnn-row char-pair"},
          element("div", {class: "rnn-control"}, element("label", {for: seedId}, "Seed"), seed), speed.node)),
      element("div", {class: "rnn-row"}, type, one, clear),
      text, live,
      element("div", {class: "char-panels"},
        element("section", {"aria-label": "Hidden state"},
          element("p", {class: "rnn-title"}, "Hidden state ",
            element("span", {class: "char-legend", "aria-hidden": "true"},
              "\u22121", element("span", {class: "char-scale"}), "1")),
          grid, said,
          element("div", {class: "rnn-row char-pair"},
            element("div", {class: "rnn-control char-short"},
              element("label", {for: unitId}, "Colour by unit"), unitNumber),
            none),
          known && element("div", {class: "rnn-row"}, known.node)),
        element("section", {"aria-label": "Next character"},
          element("p", {class: "rnn-title"}, "Next character"),
          bars.map(bar => bar.node),
          element("p", {class: "rnn-small"}, "Press one to take it instead of drawing."))),
      element("details", {class: "char-about"}, element("summary", {}, "About this model"),
        data.about.map(sentence => element("p", {class: "rnn-small"}, sentence))));
    restart();
    said.textContent = "Point at a cell for its value. Choose one, and it colours the text.";

    // ---- reading and typing

    function wholeNumber(input, largest) {
      if (input.value.trim() === "") return null;
      const value = Math.round(Number(input.value));
      return value >= 0 && value <= largest ? value : null;
    }

    // Back to the end of the prompt, the generator as new.
    function restart() {
      pause();
      const {ids, unknown} = encode(model, prompt.value);
      const remarks = [];
      if (unknown.length) remarks.push(`Not among the model's ${model.V} characters, skipped: ${unknown.join(" ")}`);
      if (!ids.length) {
        ids.push(model.ids.has("\n") ? model.ids.get("\n") : 0);
        remarks.push(`Nothing to read: begun with a ${spoken(model.symbols[ids[0]])}.`);
      }
      note.textContent = remarks.join(" ");
      uniform = tools.random(wholeNumber(seed, 4294967295) || 0);
      past = [];
      text.textContent = "";
      for (const id of ids) read(id, true);
      promptLength = spokenUpTo = past.length;
      text.scrollTop = 0;
      showState();
      showNext();
    }

    function read(id, isPrompt) {
      const state = step(model, past.length ? past[past.length - 1].state : initialState(model), id);
      const symbol = model.symbols[id];
      const span = element("span", {class: isPrompt ? "char-read" : "char-typed"}, symbol === "\n" ? "↵\n" : symbol);
      if (symbol === "\n") span.classList.add("is-end");
      const entry = {id, state, span};
      past.push(entry);
      paint(entry);
      text.append(span);
    }

    function add(id) {
      if (past.length >= LONGEST) {
        pause();
        note.textContent = `${LONGEST} characters are the most that it keeps: press Clear.`;
        return;
      }
      read(id, false);
      text.scrollTop = text.scrollHeight;
      showState();
      showNext();
    }

    function typeOne() {
      add(draw(p, uniform()));
    }

    function start() {
      type.textContent = "Pause";
      untilPause = ROUND;
      say("Typing.");
      spokenAt = Date.now();
      timer = setTimeout(tick, 0);
    }

    function tick() {
      timer = setTimeout(tick, 1000 / SPEEDS[speed.value]);
      typeOne();
      untilPause -= 1;
      if (untilPause <= 0) pause();
      else if (past[past.length - 1].span.classList.contains("is-end") && Date.now() - spokenAt > 4000) sayNew();
    }

    function pause() {
      if (timer === null) return;
      clearTimeout(timer);
      timer = null;
      type.textContent = "Type";
      sayNew();
    }

    // ---- for those who listen: whole lines, not each character

    function say(words) { live.textContent = words; }

    function sayNew() {
      const fresh = past.slice(spokenUpTo).map(entry => model.symbols[entry.id]).join("").trim();
      spokenUpTo = past.length;
      spokenAt = Date.now();
      if (fresh) say(fresh);
    }

    function sayLast() {
      spokenUpTo = past.length;
      say(spoken(model.symbols[past[past.length - 1].id]));
    }

    // ---- showing

    function state() { return past[past.length - 1].state; }

    function showState() {
      const h = state();
      for (let i = 0; i < H; i++) cells[i].style.background = diverging(h[i]);
      if (looked !== null && (grid.matches(":focus, :hover") || unit !== null)) describe();
    }

    function showNext() {
      p = probabilities(logits(model, state()), temperature.value);
      const order = Array.from(p.keys()).sort((a, b) => p[b] - p[a] || a - b).slice(0, TOP);
      bars.forEach((bar, rank) => {
        const id = order[rank];
        bar.node.hidden = id === undefined;
        if (id === undefined) return;
        const percent = 100 * p[id];
        const words = percent > 0 && percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(1)} %`;
        bar.id = id;
        bar.symbol.textContent = shown(model.symbols[id]);
        bar.bar.style.width = `${percent}%`;
        bar.share.textContent = words;
        bar.node.setAttribute("aria-label", `${spoken(model.symbols[id])}, ${words}`);
      });
    }

    // ---- one unit

    function paint(entry) {
      const value = unit === null ? 0 : entry.state[unit];
      entry.span.style.background = unit === null ? "" :
        `color-mix(in srgb, ${diverging(value)} 45%, var(--rnn-paper))`;
      if (unit === null) entry.span.removeAttribute("title");
      else entry.span.title = `unit ${unit}: ${fixed(value, 2)}`;
    }

    function choose(next) {
      if (unit !== null) {
        cells[unit].classList.remove("is-chosen");
        cells[unit].setAttribute("aria-selected", "false");
      }
      unit = next;
      none.disabled = unit === null;
      if (unit !== null) {
        cells[unit].classList.add("is-chosen");
        cells[unit].setAttribute("aria-selected", "true");
        looked = unit;
        if (wholeNumber(unitNumber, H - 1) !== unit) unitNumber.value = unit;
      } else if (document.activeElement !== unitNumber) {
        unitNumber.value = "";
      }
      if (known) known.value = data.units.some(u => u.unit === unit) ? unit : "";
      past.forEach(paint);
      describe();
    }

    function describe() {
      const i = looked;
      const chosen = unit === null ? "Choose one, and it colours the text." : `The text is coloured by unit ${unit}.`;
      const what = data.units.find(u => u.unit === i);
      const turns = what && (what.sign < 0 ? "violet" : "orange");
      const follows = what
        ? ` It turns ${turns} with: ${what.follows} (correlation ${fixed(what.correlation, 2)}).` : "";
      said.textContent = `Unit ${i}: ${fixed(state()[i], 2)}.${follows} ${chosen}`;
      cells[i].setAttribute("aria-label", `unit ${i}, ${fixed(state()[i], 2)}`);
    }

    function look(i) {
      unlook();
      looked = i;
      cells[i].classList.add("is-looked");
      describe();
      grid.setAttribute("aria-activedescendant", cells[i].id);
    }

    function unlook() { cells[looked].classList.remove("is-looked"); }

    function unitAt(event) {
      const cell = event.target.closest(".char-cell");
      return cell ? Number(cell.dataset.unit) : null;
    }

    function hover(event) {
      const i = unitAt(event);
      if (i !== null) look(i);
    }

    function click(event) {
      const i = unitAt(event);
      if (i !== null) choose(i === unit ? null : i);
    }

    function key(event) {
      const moves = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
        Home: -looked, End: H - 1 - looked};
      if (event.key in moves) look(Math.min(H - 1, Math.max(0, looked + moves[event.key])));
      else if (event.key === "Enter" || event.key === " ") choose(looked === unit ? null : looked);
      else if (event.key === "Escape") choose(null);
      else return;
      event.preventDefault();
    }
  }

  const core = {load, initialState, step, logits, probabilities, draw, encode, trace, sample};
  (window.rnnWidgets = window.rnnWidgets || []).push({widget: "char-model", core, build});
})();
