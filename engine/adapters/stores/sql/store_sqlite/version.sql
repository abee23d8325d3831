SELECT number FROM latest WHERE tenant = ?1;
