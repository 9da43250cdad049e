package browser

import "testing"

// An answer that events have overtaken is no news: who is let on stage before the page has read the answer to the raised hand stays
// there.
func TestAnswerOvertakenByEvents(t *testing.T) {
	silence := microphone(t, make([]float32, rate))
	ana, bo := meet(t, silence, silence)
	ana.startsRoom("Overtaken", "talk")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"]`)
	script[bool](bo, holdAnswer)
	bo.clicks("raise-hand")
	bo.until("be answered", `!!window.letAnswerGo`)
	ana.clicks("grant")
	bo.sees(`room[data-role="speaker"]`)
	script[bool](bo, `letAnswerGo() ?? true`)
	bo.until("have read the answer", `window.answerRead`)
	if role := script[string](bo, `document.querySelector('[data-test="room"]').dataset.role`); role != "speaker" {
		t.Errorf("with the answer of before the page shows Bo as %s", role)
	}
}

// holdAnswer keeps the node's answer to a raised hand from the page, with letAnswerGo to hand it over. answerRead is true once the page
// has it and has drawn what follows.
const holdAnswer = `(() => {
	const ask = window.fetch;
	window.fetch = async (...what) => {
		const answer = await ask(...what);
		if (!String(what[1]?.body).includes("raise_hand")) return answer;
		const text = await answer.json();
		await new Promise((go) => { window.letAnswerGo = go; });
		answer.json = async () => {
			setTimeout(() => requestAnimationFrame(() => { window.answerRead = true; }));
			return text;
		};
		return answer;
	};
	return true;
})()`
