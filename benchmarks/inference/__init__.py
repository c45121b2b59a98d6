"""What a model really gives: throughput and waiting times at rising concurrency."""
