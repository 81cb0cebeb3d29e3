// A worker that ticks: its timers are not slowed when the tab is hidden.
let timer;
onmessage = ({ data }) => {
  clearInterval(timer);
  timer = setInterval(() => postMessage(0), data);
};
