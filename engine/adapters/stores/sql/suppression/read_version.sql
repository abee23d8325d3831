SELECT number FROM version;
