// A small line chart of the last two minutes, drawn in the pixels it has.

import { svg } from './dom.js';

const POINTS = 120;


export class Plot {
  private readonly values: (number | null)[] = [];
  private readonly line = svg('path', { class: 'line' });
  private readonly area = svg('path', { class: 'area' });
  private readonly mark = svg('path', { class: 'limit' });
  private readonly dot = svg('circle', { class: 'dot', r: 2.5 });
  private readonly root: SVGSVGElement;
  private limit = 0;

  /**
   * `top` gives the top of the axis for the largest value shown; the bottom is 0. Where there are bursts, one that stands alone may
   * leave the axis, so that it does not press all else to the ground.
   */
  constructor(
    host: HTMLElement,
    private readonly top: (largest: number) => number,
    private readonly hasBursts = false,
  ) {
    this.root = svg('svg', { class: 'plot', 'aria-hidden': 'true' }, svg('path', { class: 'base' }), this.area, this.mark, this.line, this.dot);
    host.append(this.root);
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  /** Adds a value; null where there was nothing to measure. `limit` is drawn as a line of its own while it is in sight. */
  push(value: number | null, limit = 0): void {
    this.values.push(value);
    if (this.values.length > POINTS) this.values.shift();
    this.limit = limit;
    this.draw();
  }

  private draw(): void {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (width === 0 || height === 0) return;
    const top = this.top(this.largest()) || 1;
    const inset = 3;
    const x = (i: number) => width - inset - ((this.values.length - 1 - i) / (POINTS - 1)) * (width - 2 * inset);
    const y = (value: number) => height - 0.5 - (Math.min(value, top) / top) * (height - inset - 1);
    this.root.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.root.firstElementChild!.setAttribute('d', `M0 ${height - 0.5}H${width}`);
    const runs = this.runs();
    const path = (run: number[]) => run.map((i, n) => `${n === 0 ? 'M' : 'L'}${x(i).toFixed(1)} ${y(this.values[i]!).toFixed(1)}`).join('');
    this.line.setAttribute('d', runs.map(path).join(''));
    this.area.setAttribute('d', runs.map((run) => `${path(run)}L${x(run.at(-1)!).toFixed(1)} ${height}L${x(run[0]!).toFixed(1)} ${height}Z`).join(''));
    const isInSight = this.limit > 0 && this.limit <= top;
    this.mark.setAttribute('d', isInSight ? `M0 ${y(this.limit).toFixed(1)}H${width}` : '');
    const last = this.values.findLastIndex((value) => value !== null);
    this.dot.setAttribute('visibility', last < 0 ? 'hidden' : 'visible');
    if (last >= 0) {
      this.dot.setAttribute('cx', x(last).toFixed(1));
      this.dot.setAttribute('cy', y(this.values[last]!).toFixed(1));
    }
  }

  private largest(): number {
    const [first = 0, second = 0] = this.values.map((value) => value ?? 0).sort((a, b) => b - a);
    return this.hasBursts && second > 0 && first > 3 * second ? second : first;
  }

  /** Stretches without a gap, as indices. */
  private runs(): number[][] {
    const runs: number[][] = [];
    let run: number[] | undefined;
    for (const [i, value] of this.values.entries()) {
      if (value === null) {
        run = undefined;
      } else {
        if (run === undefined) runs.push((run = []));
        run.push(i);
      }
    }
    return runs;
  }
}

/** The next of 1, 2, 5, 10, 20, 50 … that leaves a little room above `largest`. */
export function roundTop(largest: number): number {
  if (largest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= largest * 1.05) ?? 20 * power;
}
