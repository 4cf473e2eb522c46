// What the course's widgets share. No dependencies, no request: scripts announce themselves by
//   (window.rnnWidgets = window.rnnWidgets || []).push({data: NAME, value: {…}});
//   (window.rnnWidgets = window.rnnWidgets || []).push({widget: NAME, core: {…}, build(root, data, tools) {…}});
// in any order, before or after this file. When a widget and its data are there, each element with data-widget="NAME"
// gets an empty <div class="rnn-live"> as `root` to be filled, and its picture is hidden (but printed). A widget that
// needs no data says `data: false`. `core` holds what can be computed without a page, for the tests.
(() => {
  "use strict";
  if (window.rnnWidgets && window.rnnWidgets.widgets) return; // loaded before

  const waiting = window.rnnWidgets || [];
  const widgets = {};
  const data = {};
  const SVG = "http://www.w3.org/2000/svg";

  function push(entry) {
    if (entry.data && "value" in entry) data[entry.data] = entry.value;
    if (entry.widget) widgets[entry.widget] = entry;
    if (document.readyState !== "loading") start();
  }

  function start() {
    for (const place of document.querySelectorAll("[data-widget]:not(.is-live):not(.is-broken)")) {
      const name = place.dataset.widget;
      const widget = widgets[name];
      if (!widget || (widget.data !== false && !(name in data))) continue;
      const root = element("div", {class: "rnn-live"});
      try {
        widget.build(root, data[name], tools);
        place.append(root);
        place.classList.add("is-live");
      } catch (error) {
        place.classList.add("is-broken");
        place.append(element("p", {class: "rnn-note"}, `The interactive figure could not start: ${error.message}`));
        console.error(error);
      }
    }
  }

  // ---- making elements

  function create(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === false || value === null || value === undefined) continue;
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.flat().filter(child => child !== null && child !== undefined));
    return node;
  }

  // element("button", {type: "button", class: "…", onclick: f}, "text", child, …)
  function element(tag, attributes, ...children) {
    return create(document.createElement(tag), attributes, children);
  }

  // The same for SVG's elements.
  function drawn(tag, attributes, ...children) {
    return create(document.createElementNS(SVG, tag), attributes, children);
  }

  let ids = 0;
  const freshId = () => `rnn-${++ids}`;

  // ---- controls: labelled, 44 pixels high by the style sheet

  // A slider and the number that it stands at. `show(value)` is the number as text; `change(value)` is called as it
  // moves. `.value` is read and set.
  function slider({label, min, max, step, value, show = String, change}) {
    const id = freshId();
    const input = element("input", {type: "range", id, min, max, step});
    const number = element("output", {class: "rnn-number", for: id});
    const node = element("div", {class: "rnn-control"}, element("label", {for: id}, label), input, number);
    const tell = () => {
      number.textContent = show(Number(input.value));
      input.setAttribute("aria-valuetext", show(Number(input.value)));
    };
    input.value = value;
    tell();
    input.addEventListener("input", () => { tell(); change(Number(input.value)); });
    return {node, input,
      get value() { return Number(input.value); },
      set value(x) { input.value = x; tell(); }};
  }

  // A choice among a few words; `options` is a list of [value, text].
  function choice({label, options, value, change}) {
    const id = freshId();
    const select = element("select", {id}, options.map(([key, text]) => element("option", {value: key}, text)));
    select.value = value;
    select.addEventListener("change", () => change(select.value));
    const node = element("div", {class: "rnn-control"}, element("label", {for: id}, label), select);
    return {node, input: select, get value() { return select.value; }, set value(x) { select.value = x; }};
  }

  function button(text, click, attributes = {}) {
    return element("button", {type: "button", class: "rnn-button", onclick: click, ...attributes}, text);
  }

  // ---- numbers

  // With a true minus sign, as the text of the course has.
  const fixed = (x, digits) => x.toFixed(digits).replace("-", "\u2212").replace(/^\u2212(0\.?0*)$/, "$1");

  function bytes(base64) {
    const text = atob(base64);
    const array = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
    return array.buffer;
  }

  function littleEndianFloats(base64) {
    const view = new DataView(bytes(base64));
    return Float64Array.from({length: view.byteLength / 4}, (_, i) => view.getFloat32(4 * i, true));
  }

  // A packed array as {shape, values}: float32 as it is, int8 times its row's scale (a product that is exact in
  // double precision). rnncourse.widgets.unpack gives the same numbers.
  function unpack(packed) {
    if (packed.float32 !== undefined) return {shape: packed.shape, values: littleEndianFloats(packed.float32)};
    const whole = new Int8Array(bytes(packed.int8));
    const scale = littleEndianFloats(packed.scale);
    const row = whole.length / scale.length;
    return {shape: packed.shape, values: Float64Array.from(whole, (q, i) => q * scale[Math.floor(i / row)])};
  }

  // Numbers in [0, 1) that depend on the seed alone: mulberry32, a public-domain generator by Tommy Ettinger.
  function random(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  // Normal numbers from such a generator (Box and Muller).
  function normal(uniform) {
    return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  // ---- colour: from violet (-1) over the ground (0) to orange (1), also told apart by those who see few colours.
  // CSS variables, so that a change of theme needs no script.
  function diverging(value) {
    const share = Math.round(100 * Math.min(1, Math.abs(value)));
    return `color-mix(in srgb, var(--rnn-${value < 0 ? "below" : "above"}) ${share}%, var(--rnn-zero))`;
  }

  const reducedMotion = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  const tools = {element, drawn, freshId, slider, choice, button, fixed, unpack, random, normal, diverging, reducedMotion};
  window.rnnWidgets = {push, widgets, data, tools};
  waiting.forEach(push);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
})();
