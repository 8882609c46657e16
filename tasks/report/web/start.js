// Bring the page to life, part by part.

startChosen();
startDays();
startVideos();
startMap();
startCard();
document.documentElement.dataset.ready = Math.round(performance.now());
