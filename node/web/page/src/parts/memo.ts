// Draws a part of a long list only when what it is given is another.
import { Component, h, type FunctionComponent } from "preact";

export function memo<P extends object>(draw: FunctionComponent<P>): FunctionComponent<P> {
  class Kept extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const names = Object.keys(next) as (keyof P)[];
      return names.length !== Object.keys(this.props).length || names.some((name) => !Object.is(next[name], this.props[name as never]));
    }
    override render() {
      return h(draw, this.props as P);
    }
  }
  return Kept as unknown as FunctionComponent<P>;
}
