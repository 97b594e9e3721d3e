-- The database that postgres steps use as "default"; never the product's own.
CREATE DATABASE steps;
