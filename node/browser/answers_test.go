package browser

import "fmt"

// answers waits until what the person's own node says to a question is as it should be, and returns that. It asks again whenever the
// node has told the page anything: an event, or that it is alive.
func answers[T any](p *person, path, what string, fits func(T) bool) T {
	p.t.Helper()
	script[bool](p, fmt.Sprintf(followNode, asJSON(p.node.Key())))
	for {
		told := script[int](p, `window.toldByNode`)
		v := api[T](p, "GET", path, nil)
		if fits(v) {
			return v
		}
		p.until(fmt.Sprintf("hear more of the node before %s (%+v)", what, v), fmt.Sprintf(`window.toldByNode > %d`, told))
	}
}

// followNode counts what the node sends of its events, on a stream of its own.
const followNode = `window.toldByNode !== undefined || (window.toldByNode = 0,
	fetch("/api/v1/events", { headers: { Authorization: "Bearer " + %s } }).then(async (answer) => {
		for (const reader = answer.body.getReader(); !(await reader.read()).done; ) window.toldByNode++;
	}), true)`
