SELECT changes();
