// What runs in a worker for a Socket: the Opus codec and the WebSocket.
//
// What is late is worth less than what is fresh: what could not be sent in time is left out, as the playout leaves out what
// came too late.

/** What a Socket asks for: a decoder to play, an encoder to publish. */
export interface Job {
  address: string;
  decoder?: AudioDecoderConfig;
  encoder?: AudioEncoderConfig;
  port: MessagePort; // to or from the audio thread
}

const frame = 960; // samples: 20 ms
const mostWaiting = 8 << 10; // bytes to be sent: over a second of speech, half a second of music

self.onmessage = ({ data: job }: MessageEvent<Job>) => {
  const ws = new WebSocket(job.address);
  ws.binaryType = "arraybuffer";
  const coder = job.decoder ? play(ws, job.decoder, job.port) : publish(ws, job.encoder!, job.port);
  ws.onopen = () => self.postMessage("open");
  ws.onclose = () => {
    if (coder.state !== "closed") coder.close();
    self.postMessage("closed");
    self.close();
  };
  self.onmessage = () => ws.close(); // the Socket asks for nothing else
};

function play(ws: WebSocket, config: AudioDecoderConfig, port: MessagePort): AudioDecoder {
  const decoder = new AudioDecoder({
    output: (data) => {
      const planes = Array.from({ length: config.numberOfChannels }, (_, i) => {
        const plane = new Float32Array(data.numberOfFrames);
        data.copyTo(plane, { planeIndex: Math.min(i, data.numberOfChannels - 1), format: "f32-planar" });
        return plane;
      });
      data.close();
      port.postMessage(
        planes,
        planes.map((plane) => plane.buffer),
      );
    },
    error: () => ws.close(),
  });
  decoder.configure(config);
  let packets = 0;
  ws.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
    if (decoder.state !== "configured") return;
    decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: 20_000 * packets++, data }));
  };
  return decoder;
}

function publish(ws: WebSocket, config: AudioEncoderConfig, port: MessagePort): AudioEncoder {
  const encoder = new AudioEncoder({
    output: (chunk) => {
      if (ws.readyState !== WebSocket.OPEN || ws.bufferedAmount > mostWaiting) return;
      const packet = new Uint8Array(chunk.byteLength);
      chunk.copyTo(packet);
      ws.send(packet);
    },
    error: () => ws.close(),
  });
  encoder.configure(config);
  const { sampleRate, numberOfChannels } = config;
  let frames = 0;
  port.onmessage = ({ data: planes }: MessageEvent<Float32Array<ArrayBuffer>>) => {
    if (encoder.state !== "configured" || ws.readyState !== WebSocket.OPEN) return;
    const timestamp = 20_000 * frames++;
    const shape = { format: "f32-planar", sampleRate, numberOfFrames: frame, numberOfChannels } as const;
    const data = new AudioData({ ...shape, timestamp, data: planes });
    encoder.encode(data);
    data.close();
  };
  return encoder;
}
