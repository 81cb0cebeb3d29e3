//! A worker that only ticks: timers of a hidden page are slowed down, those of a worker are not.

let timer: ReturnType<typeof setInterval> | undefined;

self.onmessage = (event: MessageEvent<number>) => {
  clearInterval(timer);
  if (event.data > 0) timer = setInterval(() => self.postMessage(0), event.data);
};

export {};
