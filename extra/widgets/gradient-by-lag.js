// Chapter 08: how much of a gradient reaches the input k steps back, as the reader moves the spectral radius, the
// shear, the depth and the nonlinearity. rnncourse/widgets/gradient_by_lag.py says what the network is. Here it is run
// forward and backward anew at every move, in double precision; the tests compare the two.
(() => {
  "use strict";

  // ---- the network, without a page. Matrices are row-major Float64Arrays.

  const NONLINEARITIES = {
    tanh: {phi: Math.tanh, slope: h => 1 - h * h, steepest: 1},
    relu: {phi: a => Math.max(a, 0), slope: h => (h > 0 ? 1 : 0), steepest: 1},
    sigmoid: {phi: a => (1 + Math.tanh(a / 2)) / 2, slope: h => h * (1 - h), steepest: 0.25},
    linear: {phi: a => a, slope: () => 1, steepest: 1},
  };

  const integers = base64 => Int8Array.from(atob(base64), character => character.charCodeAt(0));

  const transpose = (matrix, H) => matrix.map((_, i) => matrix[(i % H) * H + Math.floor(i / H)]);

  function product(A, B, H) {
    const C = new Float64Array(H * H);
    for (let i = 0; i < H; i++)
      for (let k = 0; k < H; k++) for (let j = 0; j < H; j++) C[i * H + j] += A[i * H + k] * B[k * H + j];
    return C;
  }

  // into[at + i] = sum over j of matrix[i, j] v[from + j], added to what stands there if `add`.
  function multiply(matrix, v, from, into, at, H, add) {
    for (let i = 0, m = 0; i < H; i++) {
      let sum = 0;
      for (let j = 0; j < H; j++) sum += matrix[m++] * v[from + j];
      into[at + i] = add ? into[at + i] + sum : sum;
    }
  }

  function network(data) {
    const {hiddenSize: H, steps: T, sequences: B, lags} = data;
    const D = new Float64Array(H * H);
    let i = 0;
    for (const parts of data.eigenvalues) {
      const [real, imaginary] = parts.map(part => part * data.eigenvalueStep / data.drawnRadius);
      D[i * H + i] = real;
      if (imaginary !== 0) {
        D[i * H + i + 1] = imaginary;
        D[(i + 1) * H + i] = -imaginary;
        D[(i + 1) * H + i + 1] = real;
        i++;
      }
      i++;
    }
    const N = new Float64Array(H * H), upper = integers(data.upper);
    for (let r = 0, at = 0; r < H; r++) for (let c = r + 1; c < H; c++) N[r * H + c] = upper[at++] * data.shearStep;

    // Each Q is a product of reflections I - 2 v v^T / v^T v, where v is zero before `first`.
    const vectors = integers(data.reflectors), Q = [];
    for (let l = 0, at = 0; l < data.maxDepth; l++) {
      const q = new Float64Array(H * H);
      for (let r = 0; r < H; r++) q[r * H + r] = 1;
      for (let first = 0; first < H - 1; first++) {
        const v = vectors.subarray(at, at += H - first);
        const square = v.reduce((sum, one) => sum + one * one, 0);
        for (let r = 0; r < H; r++) {
          let dot = 0;
          for (let c = first; c < H; c++) dot += q[r * H + c] * v[c - first];
          for (let c = first; c < H; c++) q[r * H + c] -= dot * 2 / square * v[c - first];
        }
      }
      Q.push(q);
    }
    const Qt = Q.map(q => transpose(q, H));
    const U = Q.map((q, l) => (l ? product(q, Qt[l - 1], H) : q));
    const x = Float64Array.from(integers(data.inputs), one => one * data.drawStep * data.inputScale); // (T, B, H)
    const entering = Float64Array.from(integers(data.derivative));
    const size = Math.hypot(...entering);
    return {H, T, B, lags, D, N, Q, Qt, U, x, derivative: entering.map(one => one / size), norms: new Map()};
  }

  // The recurrent matrices, one a layer.
  function recurrent(net, {radius, shear, depth}) {
    const {H, D, N, Q, Qt} = net;
    const S = D.map((one, i) => radius * (one + shear * N[i]));
    return Q.slice(0, depth).map((q, l) => product(product(q, S, H), Qt[l], H));
  }

  // The states, of shape (T + 1, L, B, H); the first row is the zero state.
  function forward(net, settings, W = recurrent(net, settings)) {
    const {H, T, B, U, x} = net, L = settings.depth, {phi} = NONLINEARITIES[settings.nonlinearity];
    const h = new Float64Array((T + 1) * L * B * H);
    for (let t = 1; t <= T; t++)
      for (let l = 0; l < L; l++)
        for (let b = 0; b < B; b++) {
          const here = ((t * L + l) * B + b) * H;
          if (l) multiply(U[l], h, here - B * H, h, here, H, false);
          else multiply(U[l], x, ((t - 1) * B + b) * H, h, here, H, false);
          multiply(W[l], h, here - L * B * H, h, here, H, true);
          for (let i = here; i < here + H; i++) h[i] = phi(h[i]);
        }
    return h;
  }

  const largest = v => v.reduce((most, one) => Math.max(most, Math.abs(one)), 0);

  function logNorm(v) {
    const most = largest(v);
    return most ? Math.log10(most) + Math.log10(v.reduce((sum, one) => sum + (one / most) ** 2, 0)) / 2 : -Infinity;
  }

  // log10 of the norm of dL/dx at lags 0, 1, …, one array a sequence. What runs backward is rescaled when it gets very
  // large or small: nothing overflows, and only what is exactly zero comes out as minus infinity.
  function backward(net, settings, h, W = recurrent(net, settings)) {
    const {H, T, B, U, Q, derivative, lags} = net, L = settings.depth, {slope} = NONLINEARITIES[settings.nonlinearity];
    const Wt = W.map(one => transpose(one, H)), Ut = U.slice(0, L).map(one => transpose(one, H));
    const da = new Float64Array(H);
    return Array.from({length: B}, (_, b) => {
      const logs = new Float64Array(lags + 1), d = new Float64Array(L * H), up = new Float64Array(H);
      let scale = 0;
      multiply(Q[L - 1], derivative, 0, d, (L - 1) * H, H, false);
      for (let k = 0; k <= lags; k++) {
        up.fill(0);
        for (let l = L - 1; l >= 0; l--) {
          const here = (((T - k) * L + l) * B + b) * H;
          for (let i = 0; i < H; i++) da[i] = slope(h[here + i]) * (d[l * H + i] + up[i]);
          multiply(Wt[l], da, 0, d, l * H, H, false);
          multiply(Ut[l], da, 0, up, 0, H, false);
        }
        logs[k] = scale + logNorm(up);
        const most = largest(d);
        if (most > 1e60 || (most > 0 && most < 1e-60)) {
          for (let i = 0; i < L * H; i++) d[i] /= most;
          scale += Math.log10(most);
        }
      }
      return logs;
    });
  }

  // Natural logarithm of the number of paths from the top of the last step to the bottom k steps back.
  function logPaths(k, depth) {
    let log = 0;
    for (let i = 1; i < depth; i++) log += Math.log((k + i) / i);
    return log;
  }

  // Least-squares slope of the values from one index to another, both included.
  function fit(values, from, to) {
    const middle = (from + to) / 2;
    let over = 0, under = 0;
    for (let k = from; k <= to; k++) {
      over += (k - middle) * values[k];
      under += (k - middle) ** 2;
    }
    return over / under;
  }

  // The largest factor by which W stretches a vector, the same in all layers, since Q is orthogonal: power iteration.
  function spectralNorm(net, {radius, shear}) {
    if (!net.norms.has(shear)) {
      const {H, D, N} = net, S = D.map((one, i) => one + shear * N[i]), St = transpose(S, H);
      const v = D.slice(0, H).map((_, i) => Math.cos(i + 1)), Sv = new Float64Array(H);
      for (let round = 0; round < 400; round++) {
        const size = Math.hypot(...v);
        for (let i = 0; i < H; i++) v[i] /= size;
        multiply(S, v, 0, Sv, 0, H, false);
        multiply(St, Sv, 0, v, 0, H, false);
      }
      net.norms.set(shear, Math.hypot(...Sv));
    }
    return radius * net.norms.get(shear);
  }

  // All that the page shows. Sizes of gradients are given by their log10, slopes in nats a step.
  function compute(net, settings) {
    const {H, T, B, lags} = net, L = settings.depth, {slope, steepest} = NONLINEARITIES[settings.nonlinearity];
    const W = recurrent(net, settings), h = forward(net, settings, W), logs = backward(net, settings, h, W);
    const each = f => Float64Array.from({length: lags + 1}, (_, k) => f(k));
    const mean = each(k => logs.reduce((sum, one) => sum + one[k], 0) / B); // of the logarithms: the geometric mean
    const radius = each(k => k * Math.log10(settings.radius));
    const paths = each(k => radius[k] + logPaths(k, L) / Math.LN10);
    const peak = mean.indexOf(Math.max(...mean));
    let onePercent = lags + 1;
    while (onePercent > 0 && !(mean[onePercent - 1] >= mean[peak] - 2)) onePercent--;
    const shown = h.subarray((T - lags) * L * B * H);
    return {
      settings: {...settings}, logs, mean, radius, paths,
      low: each(k => Math.min(...logs.map(one => one[k]))),
      high: each(k => Math.max(...logs.map(one => one[k]))),
      slope: fit(mean, lags / 2, lags) * Math.LN10,
      radiusSlope: Math.log(settings.radius),
      pathsSlope: fit(paths, lags / 2, lags) * Math.LN10,
      peak,
      onePercent: onePercent > lags ? null : onePercent, // from this lag on less than 1 % of the largest is left
      zeroFrom: mean.indexOf(-Infinity), // the lag from which a sequence's gradient is exactly zero; -1: there is none
      flat: shown.reduce((count, one) => count + (slope(one) < steepest / 10), 0) / shown.length,
      norm: spectralNorm(net, settings),
    };
  }

  // ---- words and numbers

  const START = {radius: 1, shear: 1, depth: 1, nonlinearity: "tanh"};
  const NAMES = {tanh: "tanh", relu: "ReLU", sigmoid: "sigmoid", linear: "linear"};
  const superscript = number => String(number).replace(/./g, one => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(one)]);

  const digits = (value, n = 2) => value.toFixed(n).replace(/^-(0\.?0*)$/, "$1").replace("-", "−");
  const aStep = slope => `${digits(slope)} a step`;

  // A number given by its log10: 0.043, 17, 3.2·10⁻¹².
  function written(log) {
    if (log === -Infinity) return "0";
    if (log > -3 && log < 4) return (10 ** log).toLocaleString("en", {maximumSignificantDigits: 2});
    const [mantissa, exponent] = (10 ** (log - Math.floor(log))).toExponential(1).split("e");
    return `${mantissa}·10${superscript(Math.floor(log) + Number(exponent))}`;
  }

  const describe = ({radius, shear, depth, nonlinearity}) => [
    NAMES[nonlinearity], `${depth} layer${depth > 1 ? "s" : ""}`,
    `radius ${digits(radius)}`, `shear ${digits(shear, 1)}`,
  ].join(", ");

  const moves = slope => (Math.abs(slope) < 0.005 ? "keeps its size" :
    `${slope < 0 ? "falls" : "grows"} by ${digits(Math.abs(slope))} nats a step`);

  // The plot in words, for everyone: what is read out where the plot is not seen.
  function summary({settings, mean, slope, radiusSlope, pathsSlope, onePercent, peak, zeroFrom}) {
    const last = mean.length - 1, start = `With ${describe(settings)}:`;
    if (zeroFrom >= 0)
      return `${start} the gradient is exactly zero ${zeroFrom ? `from lag ${zeroFrom} on` : "at every lag"}, in one ` +
        "sequence at least. On its way it meets only units whose slope is zero.";
    const parts = [`${start} over lags ${last / 2} to ${last} the gradient ${moves(slope)};`,
      `by the spectral radius alone it would ${moves(radiusSlope).replace(/^(\w+)s /, "$1 ")}.`];
    if (peak > 0 && mean[peak] - mean[0] > Math.log10(1.5) && slope < 0)
      parts.push(`First it grows, to ${written(mean[peak] - mean[0])} times its size at lag 0, at lag ${peak}.`);
    parts.push(onePercent === null ?
      `At lag ${last} it is ${written(mean[last] - mean[0])} times what it is at lag 0.` :
      `From lag ${onePercent} on, less than 1\u00a0% of its largest size is left.`);
    if (settings.depth > 1) {
      const log = logPaths(last, settings.depth) / Math.LN10;
      const count = log < 6 ? Math.round(10 ** log).toLocaleString("en") : written(log);
      parts.push(`${count} paths lead to the input at lag ${last}.`);
    }
    if (["tanh", "sigmoid"].includes(settings.nonlinearity) && slope - pathsSlope + radiusSlope > 0.1)
      parts.push("The states are chaotic: a browser that rounds differently shows another curve.");
    return parts.join(" ");
  }

  // ---- the plot

  const FLOAT32 = [Math.log10(1.17549435e-38), Math.log10(3.4028235e38)];

  function decades(curves) {
    let low = -5, high = 1;
    for (const curve of curves)
      for (const log of curve) if (Number.isFinite(log)) [low, high] = [Math.min(low, log), Math.max(high, log)];
    const step = [1, 2, 5, 10, 20].find(one => (high - low) / one <= 7) || 50;
    return {step, low: Math.floor(low / step) * step, high: Math.ceil(high / step) * step};
  }

  // Through the finite values; a gap where a gradient is exactly zero.
  function line(values, X, Y) {
    let path = "", pen = "M";
    values.forEach((log, k) => {
      if (Number.isFinite(log)) path += `${pen}${X(k).toFixed(1)} ${Y(log).toFixed(1)}`;
      pen = Number.isFinite(log) ? "L" : "M";
    });
    return path;
  }

  // Moves the labels at the ends of the curves apart, from the top down, and up again from the bottom.
  function apart(labels, top, bottom) {
    labels.sort((a, b) => a.y - b.y);
    let free = top;
    for (const label of labels) {
      label.y = Math.max(label.y, free);
      free = label.y + 17 * label.words.length;
    }
    free = bottom;
    for (const label of labels.reverse()) {
      label.y = Math.min(label.y, free - 17 * (label.words.length - 1));
      free = label.y - 17;
    }
  }

  function draw(tools, svg, result, kept) {
    const {drawn} = tools, {mean, low, high, radius, paths, onePercent, zeroFrom, settings} = result;
    const width = Math.max(svg.parentElement.clientWidth || 640, 280), narrow = width < 560;
    const height = narrow ? 310 : 370;
    const left = 50, right = width - (narrow ? 84 : 138), top = 34, bottom = height - 44, last = mean.length - 1;
    const deep = settings.depth > 1;
    const axis = decades([low, high, radius, ...(deep ? [paths] : []), ...(kept ? [kept.mean] : [])]);
    const X = k => left + (right - left) * k / last;
    const Y = log => top + (bottom - top) * (axis.high - log) / (axis.high - axis.low);
    const text = (x, y, content, attributes) => drawn("text", {x, y, ...attributes}, content);
    const parts = [];

    const lost = (from, to, place) => {                   // what float32 cannot hold
      if (from > to - 0.5) return;
      const y = Y(to), tall = Y(from) - y;
      parts.push(drawn("rect", {x: left, y, width: right - left, height: tall, class: "float32"}));
      if (tall > 18) parts.push(place(y, y + tall));
    };
    lost(axis.low, FLOAT32[0], (_, low) =>
      text(right - 6, low - 6, "below float32", {class: "note", "text-anchor": "end"}));
    lost(FLOAT32[1], axis.high, high => text(left + 6, high + 15, "beyond float32", {class: "note"}));
    for (let log = axis.low; log <= axis.high; log += axis.step)
      parts.push(
        drawn("line", {x1: left, x2: right, y1: Y(log), y2: Y(log), class: log ? "grid" : "one"}),
        text(left - 7, Y(log) + 4.5, ["10", drawn("tspan", {dy: -5, class: "power"}, String(log).replace("-", "−"))],
          {"text-anchor": "end"}));
    for (let k = 0; k <= last; k += narrow ? 25 : 20)
      parts.push(
        drawn("line", {x1: X(k), x2: X(k), y1: bottom, y2: bottom + 5, class: "one"}),
        text(X(k), bottom + 19, String(k), {"text-anchor": "middle"}));
    parts.push(
      text((left + right) / 2, height - 5, "lag k (steps back)", {"text-anchor": "middle", class: "note"}),
      text(2, 16, `size of the gradient by the input${narrow ? "" : " k steps back"}, ‖dL/dx‖`, {class: "note"}));

    if (low.some((one, k) => high[k] - one > 0.01) && low.every(Number.isFinite)) {
      const back = line([...low].reverse(), k => X(last - k), Y).replace("M", "L");
      parts.push(drawn("path", {d: `${line(high, X, Y)}${back}Z`, class: "band"}));
    }
    const ends = [];
    const curve = (values, name, words) => {
      parts.push(drawn("path", {d: line(values, X, Y), class: `curve ${name}`}));
      const end = values.reduce((found, log, k) => (Number.isFinite(log) ? k : found), -1);
      if (end >= 0) ends.push({name, words: narrow ? words : [words.join(" ")], y: Y(values[end]) + 4});
    };
    if (kept) curve(kept.mean, "kept", ["kept"]);
    curve(radius, "radius", ["radius", "alone"]);
    if (deep) curve(paths, "paths", ["radius", "and paths"]);
    curve(mean, "measured", ["measured"]);
    apart(ends, top + 5, bottom);
    for (const {name, words, y} of ends)
      parts.push(text(right + 7, y, words.map((word, row) => drawn("tspan", {x: right + 7, dy: row ? 15 : 0}, word)),
        {class: `label ${name}`}));

    if (zeroFrom >= 0)
      parts.push(text((left + right) / 2, (top + bottom) / 2,
        zeroFrom ? `exactly zero from lag ${zeroFrom} on` : "exactly zero at every lag",
        {class: "zero", "text-anchor": "middle"}));
    else if (onePercent !== null) {
      const x = X(onePercent), y = Y(mean[onePercent]), room = x + 112 < right;
      parts.push(
        drawn("line", {x1: x, x2: x, y1: y, y2: bottom, class: "drop"}),
        drawn("circle", {cx: x, cy: y, r: 4.5, class: "mark"}),
        text(x + (room ? 6 : -6), bottom - 7, `1\u00a0% left: lag ${onePercent}`,
          {class: "note", "text-anchor": room ? "start" : "end"}));
    }
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    svg.replaceChildren(...parts);
  }

  // ---- the page

  function build(root, data, tools) {
    const {element, drawn, slider, choice, button, freshId} = tools;
    const net = network(data), wordsId = freshId();
    let result, kept = null, frame = 0, pause = 0, seenWidth = 0;
    const change = () => { frame = frame || requestAnimationFrame(update); };

    const controls = {
      radius: slider({label: "Spectral radius", min: 0.1, max: 3, step: 0.05, value: START.radius, change,
        show: one => digits(one)}),
      shear: slider({label: "Shear", min: 0, max: 3, step: 0.1, value: START.shear, change,
        show: one => digits(one, 1)}),
      depth: slider({label: "Layers", min: 1, max: data.maxDepth, step: 1, value: START.depth, change}),
      nonlinearity: choice({label: "Nonlinearity", options: Object.entries(NAMES), value: START.nonlinearity, change}),
    };
    const keep = button("Keep this curve", () => {
      kept = kept ? null : result;
      keep.textContent = kept ? "Drop kept curve" : "Keep this curve";
      show();
    });
    const again = button("Start again", () => {
      for (const [name, value] of Object.entries(START)) controls[name].value = value;
      update();
    });

    const svg = drawn("svg", {role: "img", "aria-label": "Size of the gradient against the lag, as the text below says",
      "aria-describedby": wordsId});
    const plot = element("div", {class: "plot"}, svg);
    const numbers = {};
    const list = element("dl", {}, [
      ["slope", "measured slope in nats, lags 50 to 100"], ["radiusSlope", "slope by the radius alone, in nats"],
      ["norm", "most that W can stretch in one step, ‖W‖"], ["flat", "units with under a tenth of the steepest slope"],
    ].map(([name, words]) => element("div", {}, element("dt", {}, words), numbers[name] = element("dd", {}))));
    const words = element("p", {id: wordsId, role: "status"});
    const rows = element("tbody", {});
    const heads = ["lag", "measured", "lowest", "highest", "radius alone", "radius and paths", "kept"];
    const table = element("details", {ontoggle: () => tabulate()}, element("summary", {}, "The curves as a table"),
      element("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "The curves as a table"},
        element("table", {},
          element("thead", {}, element("tr", {}, heads.map(head => element("th", {scope: "col"}, head)))), rows)));

    function tabulate() {
      if (!table.open) return;
      const {mean, low, high, radius, paths} = result, curves = [mean, low, high, radius, paths, kept && kept.mean];
      rows.replaceChildren(...[0, 1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100].map(k =>
        element("tr", {}, element("th", {scope: "row"}, String(k)),
          curves.map(curve => element("td", {}, curve ? written(curve[k]) : "–")))));
    }

    function show() {
      draw(tools, svg, result, kept);
      numbers.slope.textContent = result.zeroFrom < 0 ? aStep(result.slope) : "no gradient";
      numbers.radiusSlope.textContent = aStep(result.radiusSlope);
      numbers.norm.textContent = `${digits(result.norm)} times`;
      numbers.flat.textContent = `${Math.round(100 * result.flat)}\u00a0%`;
      tabulate();
      // The sentence follows when the reader pauses, so that it is not read out at every step of a slider.
      clearTimeout(pause);
      pause = setTimeout(() => {
        words.textContent = summary(result) + (kept ? ` Kept: ${describe(kept.settings)}.` : "");
      }, words.textContent ? 250 : 0);
    }

    function update() {
      frame = 0;
      const settings = Object.entries(controls).map(([name, control]) => [name, control.value]);
      result = compute(net, Object.fromEntries(settings));
      show();
    }

    root.append(
      element("div", {class: "controls"}, Object.values(controls).map(control => control.node)),
      plot, element("div", {class: "rnn-row"}, keep, again), list, words, table,
      element("p", {class: "rnn-small"}, [
        "Shear leaves the eigenvalues of a layer's recurrent matrix W where they are: at 0 W is normal, at 1 as far",
        `from normal as a random matrix. Line: geometric mean over ${net.B} input sequences; band: lowest and highest.`,
        `Layers of ${net.H} units; the derivative that enters at the last output of the top layer has norm 1.`,
      ].join(" ")));
    update();
    new ResizeObserver(() => {
      if (plot.clientWidth !== seenWidth) draw(tools, svg, result, kept);
      seenWidth = plot.clientWidth;
    }).observe(plot);
  }

  (window.rnnWidgets = window.rnnWidgets || []).push({
    widget: "gradient-by-lag",
    core: {network, recurrent, forward, backward, compute, summary, written},
    build,
  });
})();
