/*
 * The ratios to v86 as a bar chart: an SVG that needs nothing else, and follows the reader's light or dark mode.
 *
 * The axis is logarithmic and bars grow from 1, v86's own speed: to the right what is faster, to the left what is slower,
 * and twice as slow is as long as twice as fast.
 */
import { type Group, programs } from './programs.js';
import { meanRatio, type Ratio, ratioNamed, ratios, type Results } from './results.js';

const width = 800;
/** Programs' names end a little to the left of the plot: the shortest bars' values go between. */
const nameEnd = 134;
const margin = { top: 74, right: 44, bottom: 34, left: 170 };
const rowHeight = 25;
const barHeight = 9;
const gap = 10;
const labelOffset = 4;
const legendWidth = 60;
const ticks = [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32, 64];
/** Bars that would be shorter are drawn so long, in pixels: a bar of nothing looks like a missing one. */
const shortest = 1;

const style = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .quiet { font-size: 11px; fill: #656d76; }
  .value { font-size: 10px; fill: #656d76; }
  .mean { font-weight: 600; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  .one { stroke: #656d76; stroke-width: 1.5; }
  .jit { fill: #0969da; }
  .interpreter { fill: #a5c8f0; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .quiet, .value { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .one { stroke: #9198a1; }
    .jit { fill: #58a6ff; }
    .interpreter { fill: #2f4f77; }
  }`;

interface Bar { readonly side: string; readonly title: string; readonly ratio: Ratio }
const bars: readonly Bar[] = [{ side: 'jit', title: 'JIT', ratio: ratios[1] }, { side: 'interpreter', title: 'interpreter', ratio: ratios[0] }];

interface Line { readonly label: string; readonly mean: boolean; readonly group: Group | 'mean'; readonly values: readonly (number | undefined)[] }

function lines({ rows }: Results): Line[] {
  const measured = programs.filter(({ name }) => rows.some(({ program }) => program === name));
  const each = measured.map(({ name, group }): Line => ({ label: name, mean: false, group, values: bars.map(({ ratio }) => ratioNamed(rows, name, ratio)) }));
  const mean = (label: string, groups?: readonly Group[]): Line => ({ label, mean: true, group: 'mean', values: bars.map(({ ratio }) => meanRatio(rows, ratio, groups)) });
  return [...each, mean('mean, CPU-bound', ['cpu']), mean('mean of all')].filter(({ values }) => values.some((value) => value !== undefined));
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const tickLabel = (tick: number): string => (tick < 1 ? `1/${1 / tick}` : `${tick}`);
const round = (value: number): string => String(Math.round(value * 10) / 10);
const valueLabel = (value: number): string => value.toFixed(value < 10 ? 2 : 1);

/** An SVG document. */
export function chart(results: Results): string {
  const all = lines(results);
  const values = all.flatMap((line) => line.values).filter((value) => value !== undefined);
  const low = Math.max(...ticks.filter((tick) => tick <= Math.min(1, ...values)), ticks[0]!);
  const high = Math.min(...ticks.filter((tick) => tick >= Math.max(1, ...values)), ticks.at(-1)!);
  const plot = width - margin.left - margin.right;
  const x = (value: number): number => margin.left + (plot * Math.log(value / low)) / Math.log(high / low);

  let y = margin.top;
  const body = all.map(({ label, mean, values: own, group }, i) => {
    if (i > 0 && group !== all[i - 1]!.group) y += gap;
    const top = y;
    y += rowHeight;
    const drawn = own.map((value, at) => (value === undefined ? '' : bar(value, bars[at]!.side, top + at * (barHeight + 1))));
    return `<text class="${mean ? 'mean' : 'name'}" x="${nameEnd}" y="${top + barHeight + labelOffset}" text-anchor="end">${escaped(label)}</text>${drawn.join('')}`;
  });
  function bar(value: number, side: string, top: number): string {
    const [from, to] = value < 1 ? [x(value), x(1)] : [x(1), x(value)];
    const [at, anchor] = value < 1 ? [from - labelOffset, 'end'] : [to + labelOffset, 'start'];
    return `<rect class="${side}" x="${round(from)}" y="${top}" width="${round(Math.max(to - from, shortest))}" height="${barHeight}" rx="1"/>`
      + `<text class="value" x="${round(at)}" y="${top + barHeight - 1}" text-anchor="${anchor}">${valueLabel(value)}</text>`;
  }
  const bottom = y;
  const height = bottom + margin.bottom;
  const axis = ticks.filter((tick) => tick >= low && tick <= high).map((tick) =>
    `<line class="${tick === 1 ? 'one' : 'grid'}" x1="${round(x(tick))}" x2="${round(x(tick))}" y1="${margin.top - 6}" y2="${bottom}"/>`
    + `<text class="quiet" x="${round(x(tick))}" y="${bottom + 16}" text-anchor="middle">${tickLabel(tick)}</text>`);
  const legend = bars.map(({ side, title }, i) => {
    const left = margin.left + i * legendWidth;
    return `<rect class="${side}" x="${left}" y="${margin.top - 24}" width="10" height="10" rx="1"/><text class="quiet" x="${left + 14}" y="${margin.top - 15}">${title}</text>`;
  });
  const subtitle = `${results.runtime}, ${results.machine}, v86 ${results.v86.split('+')[0]}, ${results.date}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>Speed of the same machine code, relative to v86 with its JIT (v86 = 1)</title>
<style>${style}
</style>
<text class="title" x="${margin.left}" y="22">Speed relative to v86 with its JIT (= 1)</text>
<text class="quiet" x="${margin.left}" y="40">${escaped(subtitle)}</text>
${legend.join('\n')}
${axis.join('\n')}
${body.join('\n')}
</svg>
`;
}
