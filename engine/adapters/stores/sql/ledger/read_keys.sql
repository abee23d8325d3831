SELECT keys FROM plan;
