"""The parts of `orders.simulate`: a catalogue, a population, its pace month by month, its lines, their dirt, the files.

Time is counted in days since the simulation's start, money in one currency; a customer is its row in the population.
"""
